"""What charts share: the time axis with its events, the levels across it, and their looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from core.windows import Window
from dashboard import text
from dashboard.drawing import Drawing, plain
from dashboard.options import Palette

_LEFT, _BELOW, _LEGEND = 54, 30, 26
"""Pixels for the numbers at the left, the days below, and the legend under them."""


@dataclass(frozen=True, kw_only=True)
class Shade:
    """Windows in which an alert fired, from the first bad one to the end of the last."""

    since: datetime
    until: datetime
    label: str
    severity: str
    good: bool = False


Happening = Literal["release", "configuration", "mark", "ticket", "retraining"]
_SIGNS: Mapping[Happening, str] = MappingProxyType(
    {"release": "▲", "mark": "◆", "configuration": "■", "retraining": "↻", "ticket": "●"}
)
"""What stands before a moment's name; the first kinds are named first."""
_ROWS, _LETTER = 2, 0.012
"""Names stand in so many rows over the plot; a letter takes about this share of its width."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What happened at a time, or lasted `until` one."""

    at: datetime
    label: str
    kind: Happening
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Level:
    """A horizontal line: a target, a baseline, a limit."""

    value: float
    label: str
    kind: Literal["target", "baseline", "limit"]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What all charts of a view share: the range, the project's zone, the colours and the events."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    colours: Palette
    moments: tuple[Moment, ...] = ()

    @property
    def shows_moments(self) -> bool:
        """Tell whether anything that happened lies in the range."""
        return any(self.since <= moment.at < self.until for moment in self.moments)


def draw_shade(chart: Drawing, shade: Shade, scene: Scene) -> None:
    """Shade the windows in which an alert fired, as far as they lie in the range."""
    colours = scene.colours
    colour = colours.bad if shade.severity in ("critical", "major") else colours.watch
    if shade.good:
        colour = colours.good
    since, until = max(shade.since, scene.since), min(shade.until, scene.until)
    if since >= until:
        return
    late = not scene.since < since <= scene.since + (scene.until - scene.since) * 0.7
    chart.stretch(
        local(since, scene.zone), local(until, scene.zone), faint(colour, 0.12),
        width=1, color=faint(colour, 0.5), dash="dot",
    )  # fmt: skip
    chart.say(
        f"{'✓' if shade.good else '⚠'} {text.figure(shade.label, limit=40)}",
        colour=colour,
        x=local(until if late else since, scene.zone),
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="right" if late else "left",
        bgcolor=faint(colours.ground, 0.75),
    )


def draw_moments(chart: Drawing, scene: Scene, *, labels: bool = True) -> None:
    """Draw what happened as lines across, named over the plot as far as there is room."""
    inside = [one for one in scene.moments if scene.since <= one.at < scene.until]
    for item in inside:
        x = local(item.at, scene.zone)
        solid = item.kind in ("release", "configuration")
        chart.vertical(x, width=1, dash="solid" if solid else "dot", color=scene.colours.muted)
        if item.until is not None:
            end = min(item.until, scene.until)
            chart.stretch(x, local(end, scene.zone), faint(scene.colours.muted, 0.14))
    if labels:
        _name_moments(chart, inside, scene)


def _name_moments(chart: Drawing, moments: Sequence[Moment], scene: Scene) -> None:
    """Write the moments' names over the plot, releases first: what finds no room is a line alone."""
    whole = scene.until - scene.since
    taken: list[list[tuple[datetime, datetime]]] = [[] for _row in range(_ROWS)]
    order = list(_SIGNS)
    for item in sorted(moments, key=lambda one: (order.index(one.kind), one.at)):
        name = f"{_SIGNS[item.kind]} {text.figure(item.label, limit=26)}"
        length = whole * min(_LETTER * len(name), 0.3)
        late = item.at - scene.since > whole * 0.85
        begin = item.at - length if late else item.at
        end = begin + length
        free = (at for at, row in enumerate(taken) if all(b <= begin or end <= a for a, b in row))
        row = next(free, None)
        if row is None:
            continue
        taken[row].append((begin, end))
        chart.say(
            name,
            colour=scene.colours.muted,
            x=local(item.at, scene.zone),
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=14 * row,
            xanchor="right" if late else "left",
        )


def draw_window(chart: Drawing, window: Window, label: str, scene: Scene) -> None:
    """Frame the window that was picked, as far as it lies in the range."""
    since, until = max(window.start, scene.since), min(window.end, scene.until)
    if since >= until:
        return
    share = (since - scene.since) / (scene.until - scene.since)
    chart.stretch(
        local(since, scene.zone), local(until, scene.zone), faint(scene.colours.ink, 0.10),
        width=1, color=scene.colours.ink,
    )  # fmt: skip
    chart.say(
        f"<b>{text.figure(label)}</b>",
        colour=scene.colours.ink,
        x=local(since + (until - since) / 2, scene.zone),
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=14,
        xanchor="left" if share < 0.1 else "right" if share > 0.9 else "center",
    )


def draw_levels(chart: Drawing, levels: Sequence[Level], unit: str, scene: Scene) -> None:
    """Draw levels, their words at the right of the plot, where they cover nothing and no other level."""
    ranked = sorted(levels, key=lambda level: level.value)
    words = [(text.figure(level.label), text.number(level.value, unit)) for level in ranked]
    for at, level in enumerate(ranked):
        side = "middle" if len(ranked) == 1 else "top" if at == 0 else "bottom"
        _draw_level(chart, level, "<br>".join(words[at]), side, scene)
    if words:
        chart.lay(margin={"r": 16 + 6 * max(len(part) for pair in words for part in pair)})


def _draw_level(chart: Drawing, level: Level, words: str, side: str, scene: Scene) -> None:
    colour = scene.colours.good if level.kind == "target" else scene.colours.muted
    dash = {"target": "dash", "baseline": "dot", "limit": "dashdot"}[level.kind]
    chart.horizontal(level.value, width=1.5, dash=dash, color=colour)
    chart.say(
        words,
        colour=colour,
        x=1,
        xref="paper",
        xanchor="left",
        xshift=4,
        y=level.value,
        yanchor=side,
        align="left",
    )


def lay_out(chart: Drawing, unit: str, scene: Scene, height: int, *, legend: bool, top: int) -> None:
    """Set axes, colours and margins: fixed ones, so that plots side by side and one under another align."""
    colours = scene.colours
    below = -0.16 * max(1.0, 270 / height)  # as far under a low plot as under a high one
    chart.lay(**plain(colours, height, top=top, below=below), hovermode="closest", showlegend=legend)
    chart.lay(margin={"l": _LEFT, "b": _BELOW + (_LEGEND if legend else 0)})
    chart.axis(
        "x",
        range=[local(moment, scene.zone).isoformat() for moment in (scene.since, scene.until)],
        type="date",
        showgrid=False,
        linecolor=colours.line,
        tickfont={"size": 11, "color": colours.muted},
        nticks=7,
        automargin=False,
        tickformatstops=[
            {"dtickrange": [None, 3600000 * 23], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [3600000 * 23, None], "value": "%-d %b"},
        ],
    )
    chart.axis(
        "y",
        tickformat={"percent": ".3~%", "points": ".3~%", "count": ",.3~s", "ms": ",.4~r"}.get(unit, ",.3~r"),
        ticksuffix={"ms": " ms", "hours": " h"}.get(unit, ""),
        gridcolor=colours.line,
        zeroline=False,
        tickfont={"size": 11, "color": colours.muted},
        nticks=6,
        automargin=False,
    )


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the wall clock's time without a zone: plotly would draw an aware one in UTC."""
    return moment.astimezone(zone).replace(tzinfo=None)


@lru_cache(maxsize=8192)
def middle(window: Window, zone: ZoneInfo) -> datetime:
    """Return the middle of a window by the wall clock: where its point is drawn."""
    return local(window.start, zone) + (window.end - window.start) / 2


def faint(colour: str, share: float) -> str:
    """Return a colour of which only a share covers what lies under it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
