"""A move of a KPI as steps: what each level of a segment adds, from before to since."""

from collections.abc import Sequence
from itertools import accumulate

from core.figures import figure, points
from core.text import gettext as _
from dashboard import text
from dashboard.drawing import Drawing
from dashboard.options import Palette
from metrics.decomposition import Level, Split

MOST = 6
"""Levels with a step of their own; the rest is one."""
FLAT = 0.02
"""A step under this share of the largest one belongs to the rest."""


def draw(
    split: Split, palette: Palette, *, unit: str, currency: str = "", rise_is_good: bool = True
) -> Drawing:
    """Draw the steps; up and down differ in colour, and in the sign of the figure beside."""
    up, down = (palette.good, palette.bad) if rise_is_good else (palette.bad, palette.good)
    named, rest = _named(split.levels)
    steps = [(text.figure(level.name, limit=28) if level.name else _("too few to tell apart"), level.effect)
             for level in named]  # fmt: skip
    if abs(rest) > 0:
        steps.append((_("the rest"), rest))
    names = [_("before"), *(name for name, _effect in steps), _("after")]
    values = [split.before, *(effect for _name, effect in steps), split.after]
    words = [
        figure(split.before, unit, currency=currency),
        *(points(effect, unit, currency=currency) for _name, effect in steps),
        figure(split.after, unit, currency=currency),
    ]
    chart = Drawing(height=320, margin={"l": 8, "r": 8, "t": 20, "b": 8}, showlegend=False, bargap=0.35)
    chart.add(
        "waterfall", x=list(range(len(names))), y=values, text=words, textposition="outside",
        cliponaxis=False, measure=["absolute", *("relative" for _step in steps), "total"],
        increasing={"marker": {"color": up}}, decreasing={"marker": {"color": down}},
        totals={"marker": {"color": palette.series[0]}},
        connector={"line": {"color": palette.muted, "width": 1}}, hoverinfo="skip",
    )  # fmt: skip
    reached = [*accumulate(values[:-1]), split.after]
    low, high = min(reached), max(reached)
    room = (high - low or abs(high) or 1.0) * 0.35
    chart.axis("y", range=[max(0.0, low - room) if low >= 0 else low - room, high + room], visible=False)
    chart.axis("x", tickvals=list(range(len(names))), ticktext=names, tickangle=0, automargin=True)
    return chart


def _named(levels: Sequence[Level]) -> tuple[list[Level], float]:
    """Return the levels that have a step of their own, largest first, and what the others add."""
    largest = max((abs(level.effect) for level in levels), default=0.0)
    named = [level for level in levels[:MOST] if abs(level.effect) > FLAT * largest]
    return named, sum(level.effect for level in levels) - sum(level.effect for level in named)
