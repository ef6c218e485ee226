"""A figure of plotly's as plain dicts: its own objects cost fifty times as much to make, on every run."""

from collections.abc import Callable, Hashable
from datetime import datetime
from functools import cached_property
from typing import Any

import streamlit as st
from plotly.basedatatypes import BaseFigure

from dashboard.options import Palette


class Drawing:
    """Traces, shapes, annotations and axes, said as plotly's own schema says them."""

    def __init__(self, **layout: Any) -> None:
        self.traces: list[dict[str, Any]] = []
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        clear = "rgba(0,0,0,0)"
        # else plotly measures each label once more, to hide those that reach over the edge
        axes = {name: {"ticklabeloverflow": "allow"} for name in ("xaxis", "yaxis")}
        self.layout: dict[str, Any] = {"paper_bgcolor": clear, "plot_bgcolor": clear} | axes | layout

    def add(self, kind: str, **said: Any) -> None:
        """Add a trace: scatter, heatmap, waterfall, bar."""
        if "name" in said:  # a saved picture lacks the page's font: words are wider there than was measured
            said["name"] += "\u2003"
        self.traces.append({"type": kind, **said})

    def vertical(self, x: datetime | float, **line: Any) -> None:
        """Draw a line across the whole height."""
        self.shapes.append(
            {"type": "line", "x0": x, "x1": x, "yref": "y domain", "y0": 0, "y1": 1, "line": line}
        )

    def horizontal(self, y: float, **line: Any) -> None:
        """Draw a line across the whole width."""
        self.shapes.append(
            {"type": "line", "y0": y, "y1": y, "xref": "x domain", "x0": 0, "x1": 1, "line": line}
        )

    def stretch(self, x0: datetime, x1: datetime, fill: str, **line: Any) -> None:
        """Fill a stretch of the axis over the whole height, under the lines."""
        self.shapes.append(
            {
                "type": "rect",
                "x0": x0,
                "x1": x1,
                "yref": "y domain",
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "fillcolor": fill,
                "line": line or {"width": 0},
            }
        )

    def say(self, words: str, *, size: int = 11, colour: str, **place: Any) -> None:
        """Write words that are escaped already."""
        font = {"size": size, "color": colour}
        self.annotations.append({"text": words, "showarrow": False, "font": font, **place})

    def axis(self, name: str, **said: Any) -> None:
        """Set what is said of an axis, `x` or `y`; the rest stays."""
        self.layout[f"{name}axis"] |= said

    def lay(self, **said: Any) -> None:
        """Set parts of the layout; the margins are merged."""
        if "margin" in said:
            said["margin"] = self.layout.get("margin", {}) | said["margin"]
        self.layout |= said

    @property
    def spec(self) -> dict[str, Any]:
        """Return data and layout; an empty template, for Streamlit's page puts its own in its place."""
        return {
            "data": [{name: _times(value) for name, value in trace.items()} for trace in self.traces],
            "layout": {
                **self.layout,
                "shapes": [{name: _time(value) for name, value in one.items()} for one in self.shapes],
                "annotations": [
                    {name: _time(value) for name, value in one.items()} for one in self.annotations
                ],
                "template": {"data": {}, "layout": {}},
            },
        }  # fmt: skip

    @cached_property
    def figure(self) -> BaseFigure:
        """Return, once it is finished, what `st.plotly_chart` takes for checked; a test checks it."""
        return _Checked(self.spec)


def _times(values: Any) -> Any:
    """Write a list of times as plotly reads them; its encoder would ask of each what it is."""
    is_time = isinstance(values, list) and values and isinstance(values[0], datetime)
    return [value.isoformat() for value in values] if is_time else values


def _time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def plain(palette: Palette, height: int, *, top: int = 8, below: float = -0.16) -> dict[str, Any]:
    """Return what every figure's layout says of size, type and hover, with its legend `below` the plot."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": top, "b": 8},
        "font": {"size": 12, "color": palette.ink},
        "paper_bgcolor": palette.ground,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.ink},
        "legend": {"orientation": "h", "y": below, "yanchor": "top", "x": 0, "font": {"size": 12}},
        "hoverlabel": {
            "bgcolor": palette.ground, "bordercolor": palette.line,
            "font": {"color": palette.ink, "size": 12},
        },
    }  # fmt: skip


def drawn(mark: str, key: Hashable, draw: Callable[[], Drawing]) -> Drawing:
    """Return what `draw` draws, kept while `mark` (the state of the store) stays; `key` says all it shows."""
    return _drawn(mark, repr(key), draw)


@st.cache_resource(show_spinner=False, max_entries=160)
def _drawn(mark: str, key: str, _draw: Callable[[], Drawing]) -> Drawing:
    return _draw()


class _Checked(BaseFigure):  # type: ignore[misc]  # plotly says no types
    """A figure that is its own dict."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.__dict__["_spec"] = spec

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = self.__dict__["_spec"]
        return found
