"""Both distributions of a column as one figure: densities of numbers, bars of levels."""

import math

from core.text import gettext as _
from dashboard import text
from dashboard.drawing import Drawing, plain
from dashboard.options import Palette
from dashboard.scene import faint
from reports.sides import Bin, Compared, thinned

BINS, LEVELS = 40, 12
HEAVY = 30.0
"""From this ratio of the largest edge to the middle one on, a positive column is drawn on a log axis."""


def draw(both: Compared, palette: Palette, *, names: tuple[str, str], height: int = 300) -> Drawing:
    """Draw what there is now over what there was; `names` are the two sides'."""
    chart = Drawing(**plain(palette, height, top=12), bargap=0.25, showlegend=True, hovermode="x unified")
    colours = (palette.series[0], palette.muted)
    ticks = {"tickfont": {"size": 11, "color": palette.muted}, "linecolor": palette.line}
    chart.axis("x", showgrid=False, automargin=True, **ticks)
    chart.axis("y", gridcolor=palette.line, zeroline=False, nticks=5, automargin=True, **ticks)
    if both.numeric:
        _densities(chart, both, names, colours)
    else:
        _bars(chart, both, names, colours)
    return chart


def outside(both: Compared) -> str:
    """Say what lies beyond the range that the reference has; '' where that is next to nothing."""
    if not both.numeric:
        return ""
    said = []
    for one, words in (
        (both.bins[0], _("below the reference's range: {now}, before {then}")),
        (both.bins[-1], _("above it: {now}, before {then}")),
    ):
        if max(one.now, one.then) >= 0.001:
            said.append(
                words.format(now=text.number(one.now, "percent"), then=text.number(one.then, "percent"))
            )
    return "; ".join(said).capitalize()


def is_heavy(both: Compared) -> bool:
    """Tell whether a column is positive and so skewed that a plain axis would show one bar."""
    edges = [one.upper for one in both.bins if one.upper is not None]
    return bool(both.numeric and edges and edges[0] > 0 and edges[-1] / edges[len(edges) // 2] > HEAVY)


def _densities(chart: Drawing, both: Compared, names: tuple[str, str], colours: tuple[str, str]) -> None:
    """Draw share / width as steps, so that bins of any width have the right area; open ends are left out."""
    bins = [one for one in thinned(both.bins, BINS) if one.lower is not None and one.upper is not None]
    heavy = is_heavy(both)
    edges = [one.lower for one in bins] + [one.upper for one in bins[-1:]]
    for side, name, colour in (("then", names[1], colours[1]), ("now", names[0], colours[0])):
        heights = [getattr(one, side) / _width(one, log=heavy) for one in bins]
        shares = [text.number(getattr(one, side), "percent") for one in bins]
        chart.add(
            "scatter", name=text.figure(name, limit=40), x=edges, y=[*heights, *heights[-1:]], mode="lines",
            line={"shape": "hv", "width": 2, "color": colour, "dash": "dot" if side == "then" else "solid"},
            fill="tozeroy", fillcolor=faint(colour, 0.14), hoverinfo="text+name",
            hovertext=[*shares, *shares[-1:]],
        )  # fmt: skip
    chart.axis("y", showticklabels=False, rangemode="tozero")
    if heavy:
        chart.axis("x", type="log")


def _width(one: Bin, *, log: bool) -> float:
    if one.lower is None or one.upper is None:
        return 1.0
    return math.log(one.upper / one.lower) if log and one.lower > 0 else one.upper - one.lower


def _bars(chart: Drawing, both: Compared, names: tuple[str, str], colours: tuple[str, str]) -> None:
    """Draw the levels by size; beyond `LEVELS` of them the rest is one."""
    ranked = sorted(both.bins, key=lambda one: -max(one.now, one.then))
    shown, rest = ranked[:LEVELS], ranked[LEVELS:]
    labels = [text.figure(one.level, limit=24) for one in shown] + ([_("the rest")] if rest else [])
    for side, name, colour in (("then", names[1], colours[1]), ("now", names[0], colours[0])):
        shares = [getattr(one, side) for one in shown]
        shares += [sum(getattr(one, side) for one in rest)] if rest else []
        chart.add(
            "bar", name=text.figure(name, limit=40), x=labels, y=shares, marker={"color": colour},
            hoverinfo="text+name", hovertext=[text.number(share, "percent") for share in shares],
        )  # fmt: skip
    chart.lay(barmode="group")
    chart.axis("y", tickformat=".0%", rangemode="tozero")
    chart.axis("x", type="category")
