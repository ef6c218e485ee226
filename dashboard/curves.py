"""Curves of a model as figures: both axes 0–1, one line for each side."""

from collections.abc import Mapping, Sequence

from dashboard import text
from dashboard.drawing import Drawing, plain
from dashboard.options import Palette
from metrics.curves import Band, Curve

_MOST = 400
"""Points of a drawn curve; a thousand bins are finer than a screen."""
_DASHES = ("solid", "dash")


def draw(found: Mapping[str, Curve], palette: Palette, *, x: str, y: str, diagonal: bool = False) -> Drawing:
    """Draw curves; with `diagonal` the line that guessing gives."""
    chart = _blank(palette, x=x, y=y)
    if diagonal:
        _diagonal(chart, palette)
    for at, (name, curve) in enumerate(found.items()):
        step = -(-len(curve.x) // _MOST)
        kept = [*range(0, len(curve.x) - 1, step), len(curve.x) - 1]
        chart.add(
            "scatter", name=text.figure(name, limit=60), x=curve.x[kept].round(5).tolist(),
            y=curve.y[kept].round(5).tolist(), mode="lines",
            line={"width": 2, "color": palette.series[at], "dash": _DASHES[at]}, hoverinfo="x+y",
        )  # fmt: skip
    return chart


def reliability(found: Mapping[str, Sequence[Band]], palette: Palette, *, x: str, y: str) -> Drawing:
    """Draw what came true in each band of scores with its interval; on the diagonal scores hold."""
    chart = _blank(palette, x=x, y=y)
    _diagonal(chart, palette)
    for at, (name, bands) in enumerate(found.items()):
        chart.add(
            "scatter", name=text.figure(name, limit=60), x=[one.score for one in bands],
            y=[one.share for one in bands], mode="lines+markers",
            line={"width": 1.5, "color": palette.series[at], "dash": _DASHES[at]},
            error_y={
                "type": "data", "symmetric": False, "array": [one.upper - one.share for one in bands],
                "arrayminus": [one.share - one.lower for one in bands], "thickness": 1, "width": 3,
            },
            hoverinfo="text",
            hovertext=[
                f"{text.number(one.score, 'percent')} → {text.number(one.share, 'percent')}"
                f"<br>n = {one.n:,}" for one in bands
            ],
        )  # fmt: skip
    return chart


def _blank(palette: Palette, *, x: str, y: str) -> Drawing:
    chart = Drawing(**plain(palette, 330, below=-0.28), showlegend=True, hovermode="closest")
    chart.lay(margin={"l": 58, "b": 104})
    for name, title in (("x", x), ("y", y)):
        chart.axis(
            name, range=[-0.02, 1.02], gridcolor=palette.line, zeroline=False, nticks=6, automargin=False,
            tickformat=".0%", tickfont={"size": 11, "color": palette.muted},
            title={"text": text.figure(title), "font": {"size": 11, "color": palette.muted}, "standoff": 6},
        )  # fmt: skip
    return chart


def _diagonal(chart: Drawing, palette: Palette) -> None:
    chart.shapes.append(
        {
            "type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "layer": "below",
            "line": {"width": 1, "dash": "dot", "color": palette.muted},
        }
    )  # fmt: skip
