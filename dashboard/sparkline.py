"""A KPI's last windows as a small picture in the text of a page: no axes, the target as a dashed line."""

import base64
import html
from collections.abc import Sequence

from core.text import gettext as _
from dashboard import text
from dashboard.options import Palette

_WIDTH, _HEIGHT, _PAD = 220, 56, 5


def image(history: Sequence[float | None], palette: Palette, *, target: float | None, unit: str) -> str:
    """Return the picture as an element of HTML; '' where fewer than two values are known."""
    known = [value for value in history if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known + _one(target)), max(known + _one(target))
    span = (high - low) or 1.0

    def place(at: int, value: float) -> tuple[float, float]:
        x = _PAD + at * (_WIDTH - 2 * _PAD) / max(len(history) - 1, 1)
        return round(x, 1), round(_HEIGHT - _PAD - (value - low) / span * (_HEIGHT - 2 * _PAD), 1)

    parts, pen = list[str](), "M"
    for at, value in enumerate(history):
        if value is None:
            pen = "M"
            continue
        parts.append("{}{} {}".format(pen, *place(at, value)))
        pen = "L"
    last = max(at for at, value in enumerate(history) if value is not None)
    x, y = place(last, history[last] or 0.0)
    line = ""
    if target is not None:
        level = place(0, target)[1]
        line = (
            f'<line x1="{_PAD}" x2="{_WIDTH - _PAD}" y1="{level}" y2="{level}" stroke="{palette.good}"'
            ' stroke-dasharray="4 3"/>'
        )
    said = _("The last {n} windows: {first} to {last}").format(
        n=len(history), first=text.number(known[0], unit), last=text.number(known[-1], unit)
    )
    colour = palette.series[0]
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">{line}'
        f'<path d="{" ".join(parts)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/></svg>'
    )
    coded = base64.b64encode(drawn.encode()).decode()
    return f'<img class="gk-spark" alt="{html.escape(said)}" src="data:image/svg+xml;base64,{coded}">'


def _one(value: float | None) -> list[float]:
    return [] if value is None else [value]
