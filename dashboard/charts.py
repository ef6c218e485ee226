"""Figures of metrics over time: what is known, how sure it is, and what happened meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window, windows_between
from dashboard import links, text
from dashboard.drawing import Drawing
from dashboard.scene import (
    Level,
    Scene,
    Shade,
    draw_levels,
    draw_moments,
    draw_shade,
    draw_window,
    faint,
    lay_out,
    local,
    middle,
)
from reports.query import Heat

SCORE = "@score"
"""The column under which the score's own drift is kept."""
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})
_MANY = 4000
"""With more cells than that a heat map's marks are drawn by the graphics card."""
_ROOM = 1000
"""Windows of a chart that are drawn one by one: a screen has hardly more points across."""
_HOLLOW = "circle-open"
_LEAST_SHARE = 0.01
_WIDEST = 2.0
"""An interval is drawn up to so many times the largest value."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")


def trend(
    series: Mapping[str, Sequence[MetricPoint]],
    unit: str,
    scene: Scene,
    *,
    shades: Sequence[Shade] = (),
    levels: Sequence[Level] = (),
    window: Window | None = None,
    height: int = 270,
    names: bool = True,
    log: bool = False,
) -> Drawing:
    """Draw one line for each named series, its interval as a band, missing windows as gaps.

    Values that are not final are dashed with hollow marks; a value without enough data is no point at all.
    `window` is the one that was picked: it is framed. Without `names` releases and marks are lines alone.
    `log`: equal steps are equal ratios.
    """
    chart = Drawing()
    windows = _thinned(series, _windows(series, scene))
    for at, (name, points) in enumerate(series.items()):
        colour = scene.colours.series[at % len(scene.colours.series)]
        _line(chart, name, points, windows, unit, scene, colour, at, alone=len(series) == 1)
    hollow = next((line for line in chart.traces if line.get("marker", {}).get("symbol") == _HOLLOW), None)
    if hollow is not None:  # one line of the legend explains them all
        hollow["showlegend"] = True
    _missing(chart, series, windows, scene)
    for shade in shades:
        draw_shade(chart, shade, scene)
    draw_moments(chart, scene, labels=names)
    if window is not None:
        draw_window(chart, window, when(window, scene.zone), scene)
    everything = [point for points in series.values() for point in points if point.value.value is not None]
    lay_out(
        chart,
        unit,
        scene,
        height,
        legend=len(series) > 1 or not all(_sure(point) for point in everything),
        top=34 if window is not None or (names and scene.shows_moments) else 12,
    )
    draw_levels(chart, levels, unit, scene)
    reach = _reach(everything, [level.value for level in levels], unit, room=0.17 if shades else 0.05)
    if log and everything and all(point.value.value for point in everything):
        chart.axis("y", type="log", dtick="D2", nticks=None)
    elif reach is not None:
        chart.axis("y", range=reach)
    return chart


def config(name: str) -> dict[str, Any]:
    """Return what plotly is told for every figure; dates on axes are in the reader's language.

    Whoever points at it is offered the picture as a PNG file of this `name`.
    """
    months = text.months()
    names = {"months": list(months), "shortMonths": [month[:3] for month in months]}
    return {
        "displaylogo": False,
        "displayModeBar": "hover",
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": name},
        "scrollZoom": False,
        "locale": text.language(),
        "locales": {text.language(): {"dictionary": {}, "format": names}},
    }


def heat_map(
    heat: Heat,
    scene: Scene,
    *,
    top: float,
    unit: str = "score",
    picked: tuple[str, Window] | None = None,
    weights: Mapping[str, float] = NO_WEIGHTS,
) -> Drawing:
    """Draw columns × windows, darker is more; a cell without a value has a cross, the picked one is framed.

    `weights` (how much each column matters) stand beside the columns' names.

    Plotly reports no click on a heat map, so an unseen mark lies on each cell: its `customdata` is the
    column and the window as the address names it.
    """
    names = [_row_name(name, weights.get(name)) for name in heat.columns]
    days = [middle(window, scene.zone) for window in heat.windows]
    hover = [
        [
            f"<b>{name}</b><br>{when(window, scene.zone)}<br>{text.number(value, unit, digits=3)}"
            for window, value in zip(heat.windows, row, strict=True)
        ]
        for name, row in zip(names, heat.values, strict=True)
    ]
    chart = Drawing()
    chart.add(
        "heatmap",
        z=[list(row) for row in heat.values],
        x=days,
        y=names,
        zmin=0,
        zmax=top,
        xgap=1,
        ygap=1,
        colorscale=[list(stop) for stop in scene.colours.scale],
        hoverinfo="skip",
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "len": 1.0,
            "tickfont": {"size": 11},
            "tickformat": ".0%" if unit == "percent" else "",
        },
    )
    cells = [(row, at) for row in range(len(names)) for at in range(len(days))]
    unseen = {"marker": {"opacity": 0}}
    chart.add(
        "scatter" if len(cells) <= _MANY else "scattergl",
        x=[days[at] for _row, at in cells],
        y=[names[row] for row, _at in cells],
        customdata=[
            (heat.columns[row], links.window_text(heat.windows[at], scene.zone)) for row, at in cells
        ],
        mode="markers",
        marker={"size": 4, "opacity": 0},
        selected=unseen,
        unselected=unseen,
        hoverinfo="text",
        hovertext=[hover[row][at] for row, at in cells],
        showlegend=False,
    )
    unknown = [cell for cell in cells if heat.values[cell[0]][cell[1]] is None]
    if unknown:
        chart.add(
            "scatter" if len(cells) <= _MANY else "scattergl",
            x=[days[at] for _row, at in unknown], y=[names[row] for row, _at in unknown], mode="markers",
            marker={"symbol": "x-thin-open", "size": 5, "color": scene.colours.muted, "opacity": 0.7},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    if picked is not None and picked[0] in heat.columns and picked[1] in heat.windows:
        row, window = heat.columns.index(picked[0]), picked[1]
        chart.shapes.append(
            {
                "type": "rect",
                "x0": local(window.start, scene.zone),
                "x1": local(window.end, scene.zone),
                "y0": row - 0.5,
                "y1": row + 0.5,
                "line": {"width": 2, "color": scene.colours.series[1]},
            }
        )
    draw_moments(chart, scene, labels=False)
    lay_out(chart, "", scene, 44 + 24 * max(len(names), 3), legend=False, top=8)
    chart.axis(
        "y",
        autorange="reversed",
        tickmode="array",
        tickvals=names,
        tickformat="",
        showgrid=False,
        automargin=True,
        fixedrange=True,
    )
    chart.axis("x", fixedrange=True, nticks=5)
    chart.lay(hovermode="closest", hoverdistance=-1)  # the nearest mark is that of the cell below
    return chart


def _row_name(column: str, weight: float | None) -> str:
    name = _("the score") if column == SCORE else text.figure(column, limit=28)
    return name if weight is None else f"{name} · {text.number(weight, 'percent')}"


def _line(
    chart: Drawing,
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
    days = [middle(window, scene.zone) for window in windows]
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
    chart.add(
        "scatter",
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
        chart.add(
            "scatter",
            **style,
            y=later,
            name=_("still coming in") if alone else _("{name}, still coming in").format(name=shown),
            mode="lines+markers",
            line={"color": colour, "width": 1.5, "dash": "dot"},
            marker={"size": 6, "symbol": _HOLLOW, "line": {"width": 1.5}},
            showlegend=False,
        )


def _band(
    chart: Drawing,
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
        chart.add(
            "scatter",
            x=[*days[part], *reversed(days[part])],
            y=[*upper[part], *reversed(lower[part])],
            fill="toself",
            fillcolor=faint(colour, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )


def _missing(
    chart: Drawing, series: Mapping[str, Sequence[MetricPoint]], windows: Sequence[Window], scene: Scene
) -> None:
    """Shade windows in which no series has a value; say 'no data' where there is room for the words.

    Of many gaps, as of the nights of a call centre, the first alone says so.
    """
    known = {p.window.start for points in series.values() for p in points if p.value.value is not None}
    inside = [window for window in windows if known and min(known) <= window.start <= max(known)]
    gaps = _runs([window.start not in known for window in inside])
    for at, (first, last) in enumerate(gaps):
        x0, x1 = local(inside[first].start, scene.zone), local(inside[last - 1].end, scene.zone)
        chart.stretch(x0, x1, faint(scene.colours.muted, 0.10))
        share = (x1 - x0) / (scene.until - scene.since)
        if last - first >= 3 and share >= 0.03 and (at == 0 or len(gaps) <= 3):
            chart.say(
                _("no data"),
                colour=scene.colours.muted,
                x=x0 + (x1 - x0) / 2,
                y=0.5,
                yref="paper",
                textangle=-90 if share < 0.12 else 0,
            )


def _reach(
    points: Sequence[MetricPoint], levels: Sequence[float], unit: str, *, room: float
) -> list[float] | None:
    """Return from where to where the axis of values goes; None where nothing is known.

    `room` is the share left free above, for words. What cannot be negative and comes near 0 begins there; a
    share of nearly nothing is not blown up, and a wide interval must not flatten what is known.
    """
    known = [point.value.value for point in points if point.value.value is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    lowers = [point.value.lower for point in points if point.value.lower is not None]
    uppers = [point.value.upper for point in points if point.value.upper is not None]
    bottom, top = min([low, *lowers, *levels]), max([high, *uppers])
    if low >= 0 < high:
        top = min(top, _WIDEST * high)
    if low >= 0 and unit in ("count", "ms", "percent") and low <= 0.4 * high:
        bottom = 0.0
        top = max(top, _LEAST_SHARE) if unit == "percent" else top
    top = max([top, *levels])
    span = (top - bottom) or abs(top) or 1.0
    return [bottom - 0.04 * span, top + room * span]


def _sure(point: MetricPoint) -> bool:
    return point.value.state not in (ValueState.OPEN, ValueState.IMMATURE)


def _hover(point: MetricPoint | None, window: Window, unit: str, zone: ZoneInfo, name: str) -> str:
    if point is None:
        return ""
    value = point.value
    lines = [f"<b>{when(window, zone)}</b>", name, text.number(value.value, unit)]
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


def _windows(series: Mapping[str, Sequence[MetricPoint]], scene: Scene) -> list[Window]:
    """Return every window of the range, coarser ones where only such are left."""
    known = {point.window for points in series.values() for point in points}
    grain = min({window.grain for window in known}, key=lambda one: one.length, default=Grain.DAY)
    coarser = sorted(window for window in known if window.grain is not grain)
    rolled_until = coarser[-1].end if coarser else scene.since
    finer = {window for window in known if window.grain is grain and window.start < rolled_until}
    rest = _windows_of(max(scene.since, rolled_until), scene.until, grain, scene.zone)
    return sorted([*coarser, *finer, *rest]) if coarser else list(rest)


def _thinned(series: Mapping[str, Sequence[MetricPoint]], windows: list[Window]) -> list[Window]:
    """Keep of more windows than a screen has room for, in each stretch, what would be missed.

    That is the least and the largest value of each series, a window without one, and both ends.
    """
    if len(windows) <= _ROOM:
        return windows
    size = -(-len(windows) // (_ROOM // 2))
    values = [{p.window.start: p.value.value for p in points} for points in series.values()]
    kept = {windows[0], windows[-1]}
    for at in range(0, len(windows), size):
        part = windows[at : at + size]
        for own in values:
            known = [(value, one) for one in part if (value := own.get(one.start)) is not None]
            if known:
                kept |= {min(known)[1], max(known)[1]}
            if len(known) < len(part):
                kept.add(next(one for one in part if own.get(one.start) is None))
    return sorted(kept)


@lru_cache(maxsize=64)
def _windows_of(since: datetime, until: datetime, grain: Grain, zone: ZoneInfo) -> tuple[Window, ...]:
    return tuple(windows_between(since, until, grain, zone))


def when(window: Window, zone: ZoneInfo) -> str:
    """Name a window: its first day, with the time of an hour and the last day of what is longer than one."""
    first = text.day(window.start, zone)
    if window.grain is Grain.HOUR:
        return f"{first}, {window.start.astimezone(zone):%H:%M}"
    if window.grain is not Grain.DAY:
        return f"{first} – {text.day(window.end - timedelta(seconds=1), zone)}"
    return first


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for at, flag in enumerate(flags):
        if flag and runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + 1)
        elif flag:
            runs.append((at, at + 1))
    return runs
