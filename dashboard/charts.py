"""Figures of metrics over time: what is known, how sure it is, and what happened meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window, windows_between
from dashboard import text
from dashboard.options import Palette
from reports.query import Heat

SCORE = "@score"
"""The column under which the score's own drift is kept."""
CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
_WIDEST = 2.0
"""An interval is drawn up to so many times the largest value."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")


@dataclass(frozen=True, kw_only=True)
class Shade:
    """Windows in which an alert fired, from the first bad one to the end of the last."""

    since: datetime
    until: datetime
    label: str
    severity: str
    good: bool = False


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A release or a mark on the time axis."""

    at: datetime
    label: str
    kind: Literal["release", "mark"]


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


def trend(
    series: Mapping[str, Sequence[MetricPoint]],
    unit: str,
    scene: Scene,
    *,
    shades: Sequence[Shade] = (),
    levels: Sequence[Level] = (),
    height: int = 270,
) -> go.Figure:
    """Draw one line for each named series, its interval as a band, missing windows as gaps.

    Values that are not final are dashed with hollow marks; a value without enough data is no point at all.
    """
    chart = go.Figure()
    grain = next((points[0].window.grain for points in series.values() if points), Grain.DAY)
    windows = list(windows_between(scene.since, scene.until, grain, scene.zone))
    for at, (name, points) in enumerate(series.items()):
        colour = scene.colours.series[at % len(scene.colours.series)]
        _line(chart, name, points, windows, unit, scene, colour, at, alone=len(series) == 1)
    _missing(chart, series, windows, scene)
    for shade in shades:
        _shade(chart, shade, scene)
    _moments(chart, scene)
    for level in levels:
        _level(chart, level, unit, scene)
    everything = [point for points in series.values() for point in points if point.value.value is not None]
    _layout(
        chart, unit, scene, height, legend=len(series) > 1 or not all(_sure(point) for point in everything)
    )
    known = [point.value.value for point in everything if point.value.value is not None]
    uppers = [point.value.upper for point in everything if point.value.upper is not None]
    if known and min(known) >= 0 and unit in ("count", "ms", "percent") and min(known) < 0.4 * max(known):
        chart.update_yaxes(rangemode="tozero")
    if known and min(known) >= 0 < max(known) and uppers and max(uppers) > _WIDEST * max(known):
        chart.update_yaxes(range=[0, _WIDEST * max(known)])  # a wide interval must not flatten what is known
    return chart


def sparkline(
    history: Sequence[float | None], colours: Palette, *, target: float | None, unit: str
) -> go.Figure:
    """Draw a KPI's last windows without axes; the newest value and the goal stand in words beside it."""
    chart = go.Figure()
    chart.add_scatter(
        x=list(range(len(history))),
        y=list(history),
        mode="lines",
        line={"color": colours.series[0], "width": 1.8},
        hoverinfo="skip",
    )
    last = max(at for at, value in enumerate(history) if value is not None)
    chart.add_scatter(
        x=[last],
        y=[history[last]],
        mode="markers",
        marker={"size": 7, "color": colours.series[0]},
        hoverinfo="skip",
    )
    words = {"showarrow": False, "font": {"size": 11, "color": colours.muted}, "xref": "paper"}
    chart.add_annotation(
        **words, x=1, xanchor="left", y=history[last], text=f"<b>{text.number(history[last], unit)}</b>"
    )
    if target is not None:
        chart.add_hline(y=target, line={"width": 1, "dash": "dash", "color": colours.good})
        chart.add_annotation(
            **words,
            x=0,
            xanchor="left",
            yanchor="bottom",
            y=target,
            text=_("goal {target}").format(target=text.number(target, unit)),
        )
    chart.update_layout(
        height=96,
        margin={"l": 0, "r": 52, "t": 16, "b": 4},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    chart.update_xaxes(visible=False, fixedrange=True)
    chart.update_yaxes(visible=False, fixedrange=True)
    return chart


def heat_map(heat: Heat, scene: Scene, *, top: float, unit: str = "score") -> go.Figure:
    """Draw columns × windows, darker is more; a cell without a value stays empty."""
    names = [_("the score") if name == SCORE else text.figure(name, limit=28) for name in heat.columns]
    days = [_middle(window, scene.zone) for window in heat.windows]
    hover = [
        [
            f"<b>{name}</b><br>{_when(window, scene.zone)}<br>{text.number(value, unit, digits=3)}"
            for window, value in zip(heat.windows, row, strict=True)
        ]
        for name, row in zip(names, heat.values, strict=True)
    ]
    chart = go.Figure(
        go.Heatmap(
            z=[list(row) for row in heat.values],
            x=days,
            y=names,
            zmin=0,
            zmax=top,
            xgap=1,
            ygap=1,
            colorscale=[list(stop) for stop in scene.colours.scale],
            hoverinfo="text",
            text=hover,
            hoverongaps=False,
            colorbar={"thickness": 10, "outlinewidth": 0, "len": 1.0, "tickfont": {"size": 11}},
        )
    )
    _moments(chart, scene, labels=False)
    _layout(chart, "", scene, 70 + 24 * max(len(names), 3), legend=False)
    chart.update_yaxes(
        autorange="reversed",
        tickmode="array",
        tickvals=names,
        tickformat=None,
        showgrid=False,
        automargin=True,
    )
    chart.update_layout(hovermode="closest")
    return chart


def _line(
    chart: go.Figure,
    name: str,
    points: Sequence[MetricPoint],
    windows: Sequence[Window],
    unit: str,
    scene: Scene,
    colour: str,
    at: int,
    *,
    alone: bool,
) -> None:
    by_start = {point.window.start: point for point in points}
    row = [by_start.get(window.start) for window in windows]
    days = [_middle(window, scene.zone) for window in windows]
    shown = text.figure(name)

    def pick(part: str, *, sure: bool | None) -> list[float | None]:
        return [
            getattr(p.value, part) if p is not None and (sure is None or _sure(p) is sure) else None
            for p in row
        ]

    lower, upper = pick("lower", sure=None), pick("upper", sure=None)
    if any(value is not None for value in lower):
        _band(chart, days, lower, upper, colour, shown)
    hover = [
        _hover(p, w, unit, scene.zone, shown if not alone else "") for p, w in zip(row, windows, strict=True)
    ]
    style: dict[str, Any] = {"x": days, "hoverinfo": "text", "hovertext": hover, "legendgroup": shown}
    chart.add_scatter(
        **style,
        y=pick("value", sure=True),
        name=shown,
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": _DASHES[at % len(_DASHES)]},
        marker={"size": 4, "symbol": _SYMBOLS[at % len(_SYMBOLS)]},
        showlegend=not alone,
    )
    later = pick("value", sure=False)
    if any(value is not None for value in later):
        for index, point in enumerate(row[:-1]):  # the last certain point joins the two lines
            if point is not None and _sure(point) and later[index + 1] is not None:
                later[index] = point.value.value
        chart.add_scatter(
            **style,
            y=later,
            name=_("still coming in") if alone else _("{name}, still coming in").format(name=shown),
            mode="lines+markers",
            line={"color": colour, "width": 1.5, "dash": "dot"},
            marker={"size": 6, "symbol": "circle-open", "line": {"width": 1.5}},
            showlegend=at == 0,
        )


def _band(
    chart: go.Figure,
    days: Sequence[datetime],
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    colour: str,
    name: str,
) -> None:
    """Fill each unbroken run by itself, so that a gap stays a gap."""
    for first, last in _runs(
        [low is not None and high is not None for low, high in zip(lower, upper, strict=True)]
    ):
        part = slice(first, last)
        chart.add_scatter(
            x=[*days[part], *reversed(days[part])],
            y=[*upper[part], *reversed(lower[part])],
            fill="toself",
            fillcolor=_faint(colour, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )


def _missing(
    chart: go.Figure, series: Mapping[str, Sequence[MetricPoint]], windows: Sequence[Window], scene: Scene
) -> None:
    """Shade windows in which no series has a value; say 'no data' where there is room for the words."""
    known = {p.window.start for points in series.values() for p in points if p.value.value is not None}
    inside = [window for window in windows if known and min(known) <= window.start <= max(known)]
    for first, last in _runs([window.start not in known for window in inside]):
        x0, x1 = _local(inside[first].start, scene.zone), _local(inside[last - 1].end, scene.zone)
        chart.add_vrect(
            x0=x0, x1=x1, fillcolor=_faint(scene.colours.muted, 0.10), line_width=0, layer="below"
        )
        share = (x1 - x0) / (scene.until - scene.since)
        if last - first >= 3 and share >= 0.03:
            chart.add_annotation(
                x=x0 + (x1 - x0) / 2,
                y=0.5,
                yref="paper",
                showarrow=False,
                text=_("no data"),
                font={"size": 11, "color": scene.colours.muted},
                textangle=-90 if share < 0.12 else 0,
            )


def _shade(chart: go.Figure, shade: Shade, scene: Scene) -> None:
    colours = scene.colours
    colour = colours.bad if shade.severity in ("critical", "major") else colours.watch
    if shade.good:
        colour = colours.good
    since, until = max(shade.since, scene.since), min(shade.until, scene.until)
    if since >= until:
        return
    late = not scene.since < since <= scene.since + (scene.until - scene.since) * 0.7
    chart.add_vrect(
        x0=_local(since, scene.zone),
        x1=_local(until, scene.zone),
        fillcolor=_faint(colour, 0.12),
        line={"width": 1, "color": _faint(colour, 0.5), "dash": "dot"},
        layer="below",
    )
    chart.add_annotation(
        x=_local(until if late else since, scene.zone),
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="right" if late else "left",
        showarrow=False,
        text=f"{'✓' if shade.good else '⚠'} {text.figure(shade.label, limit=40)}",
        font={"size": 11, "color": colour},
        bgcolor=_faint(colours.ground, 0.75),
    )


def _moments(chart: go.Figure, scene: Scene, *, labels: bool = True) -> None:
    previous: datetime | None = None
    row = 0
    for item in sorted(scene.moments, key=lambda moment: moment.at):
        if not scene.since <= item.at < scene.until:
            continue
        x = _local(item.at, scene.zone)
        release = item.kind == "release"
        chart.add_vline(
            x=x, line={"width": 1, "dash": "solid" if release else "dot", "color": scene.colours.muted}
        )
        if not labels:
            continue
        crowded = previous is not None and item.at - previous < (scene.until - scene.since) * 0.16
        row = 1 - row if crowded else 0
        previous = item.at
        chart.add_annotation(
            x=x,
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=14 * row,
            xanchor="right" if item.at - scene.since > (scene.until - scene.since) * 0.85 else "left",
            showarrow=False,
            text=("▲ " if release else "◆ ") + text.figure(item.label, limit=26),
            font={"size": 11, "color": scene.colours.muted},
        )


def _level(chart: go.Figure, level: Level, unit: str, scene: Scene) -> None:
    colour = scene.colours.good if level.kind == "target" else scene.colours.muted
    chart.add_hline(
        y=level.value,
        line={
            "width": 1.5,
            "dash": {"target": "dash", "baseline": "dot", "limit": "dashdot"}[level.kind],
            "color": colour,
        },
    )
    chart.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=level.value,
        yanchor="bottom",
        showarrow=False,
        text=f"{text.figure(level.label)} {text.number(level.value, unit)}",
        font={"size": 11, "color": colour},
        bgcolor=_faint(scene.colours.ground, 0.75),
    )


def _layout(chart: go.Figure, unit: str, scene: Scene, height: int, *, legend: bool) -> None:
    colours = scene.colours
    chart.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        hovermode="closest",
        showlegend=legend,
        legend={"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0, "font": {"size": 12}},
        font={"size": 12, "color": colours.ink},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={
            "bgcolor": colours.ground,
            "bordercolor": colours.line,
            "font": {"color": colours.ink, "size": 12},
        },
    )
    chart.update_xaxes(
        range=[_local(scene.since, scene.zone), _local(scene.until, scene.zone)],
        type="date",
        showgrid=False,
        linecolor=colours.line,
        tickfont={"size": 11, "color": colours.muted},
        nticks=7,
        tickformatstops=[
            {"dtickrange": [None, 3600000 * 23], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [3600000 * 23, None], "value": "%-d %b"},
        ],
    )
    chart.update_yaxes(
        tickformat={"percent": ".3~%", "count": ",.3~s", "ms": ",.4~r"}.get(unit, ",.3~r"),
        ticksuffix={"ms": " ms", "hours": " h"}.get(unit, ""),
        gridcolor=colours.line,
        zeroline=False,
        tickfont={"size": 11, "color": colours.muted},
        nticks=6,
        automargin=True,
    )


def _sure(point: MetricPoint) -> bool:
    return point.value.state not in (ValueState.OPEN, ValueState.IMMATURE)


def _hover(point: MetricPoint | None, window: Window, unit: str, zone: ZoneInfo, name: str) -> str:
    if point is None:
        return ""
    value = point.value
    lines = [f"<b>{_when(window, zone)}</b>", name, text.number(value.value, unit)]
    if value.lower is not None and value.upper is not None:
        lines.append(
            _("likely {lower} to {upper}").format(
                lower=text.number(value.lower, unit), upper=text.number(value.upper, unit)
            )
        )
    lines.append(_("n = {n}").format(n=f"{value.n:,}"))
    if value.state is not ValueState.OK:
        lines.append(text.figure(value.reason or state_word(value.state), limit=120))
    return "<br>".join(line for line in lines if line)


def state_word(state: ValueState) -> str:
    """Say in words what a value's state means."""
    return {
        ValueState.OK: _("complete"),
        ValueState.OPEN: _("the window is still open"),
        ValueState.IMMATURE: _("labels are still coming in"),
        ValueState.NOT_ENOUGH_DATA: _("not enough data"),
        ValueState.ERROR: _("could not be computed"),
    }[state]


def _when(window: Window, zone: ZoneInfo) -> str:
    first = text.day(window.start, zone)
    if window.grain is Grain.HOUR:
        return f"{first}, {window.start.astimezone(zone):%H:%M}"
    return first


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the wall clock's time without a zone: plotly would draw an aware one in UTC."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _middle(window: Window, zone: ZoneInfo) -> datetime:
    return _local(window.start, zone) + (window.end - window.start) / 2


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for at, flag in enumerate(flags):
        if flag and runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + 1)
        elif flag:
            runs.append((at, at + 1))
    return runs


def _faint(colour: str, share: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
