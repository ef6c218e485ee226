"""Charts inside messages: PNG by Vega-Lite, no browser needed, readable without colour."""

import functools
import importlib.util
import io
import textwrap
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from core.messages import Picture
from core.text import gettext as _

INK, MUTED, LINE, MAIN, GOAL, BAD = "#1c2430", "#5b6675", "#dfe4ea", "#0072b2", "#00694e", "#b3261e"
WIDTH, HEIGHT, SCALE = 450, 190, 2
COLOURS = 64
PAGE_WIDTH, PAGE_SIGNS = 620, 92
"""Points and signs in a line of a page."""
TEXT_SIZE = 14  # on a telephone the picture is shown at two thirds


_PERCENT, _PLAIN = "format(100 * datum.value, '.3~f') + '\u00a0%'", "format(datum.value, '.3~s')"
Level = tuple[float | None, str, str, list[int]]
"""A level line: where, its word, colour and dashes."""


class Dot(BaseModel):
    """One window: its local day, value and likely range; not `final` while labels come in."""

    model_config = ConfigDict(frozen=True)

    day: date
    value: float | None
    lower: float | None = None
    upper: float | None = None
    final: bool = True


class Span(BaseModel):
    """Days of an alert, both inclusive."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date


def trend(
    name: str,
    dots: Sequence[Dot],
    *,
    text: str,
    percent: bool,
    target: float | None = None,
    normal: float | None = None,
    normal_word: str = "",
    spans: Sequence[Span] = (),
    language: str = "en",
) -> Picture | None:
    """Draw a line with its likely range, the target as a dashed line, alerts shaded; hollow while immature.

    None where there is nothing to draw.
    """
    import vl_convert

    rows = [dot for dot in dots if dot.value is not None]
    if not rows:
        return None
    levels = ((target, _("target"), GOAL, [6, 4]), (normal, normal_word or _("normal"), MUTED, [2, 3]))
    spec = _spec(rows, percent, levels, spans)
    months: Literal["ru-RU", "en-US"] = "ru-RU" if language == "ru" else "en-US"
    png = vl_convert.vegalite_to_png(spec, scale=SCALE, time_format_locale=months)
    return Picture(name=name, png=_small(png), text=text)


def sheet(
    dots: Sequence[Dot],
    *,
    title: str,
    lines: Sequence[str],
    footer: Sequence[str],
    percent: bool,
    target: float | None = None,
    normal: float | None = None,
    normal_word: str = "",
    language: str = "en",
) -> bytes:
    """Return one page to take along, as PDF: title, sentences, the chart of `trend`, where it is from."""
    import vl_convert

    levels = ((target, _("target"), GOAL, [6, 4]), (normal, normal_word or _("normal"), MUTED, [2, 3]))
    chart = _spec([dot for dot in dots if dot.value is not None], percent, levels, ())
    told = [part for line in lines for part in textwrap.wrap(line, PAGE_SIGNS) or [""]]
    ended = [part for line in footer for part in textwrap.wrap(line, PAGE_SIGNS + 10)]
    spec = {
        **{name: chart.pop(name) for name in ("$schema", "background", "config")},
        "padding": 36,
        "title": {
            "text": title, "subtitle": told, "anchor": "start", "frame": "group", "fontSize": 22,
            "offset": 22, "color": INK, "subtitleColor": INK, "subtitleFontSize": 13,
            "subtitleLineHeight": 19, "subtitlePadding": 12,
        },
        "vconcat": [
            {**chart, "width": PAGE_WIDTH, "height": 260},
            {
                "width": PAGE_WIDTH, "height": 15 * len(ended), "data": {"values": [{}]},
                "mark": {
                    "type": "text", "align": "left", "baseline": "top", "color": MUTED, "fontSize": 10.5,
                    "lineHeight": 15, "text": ended, "x": 0, "y": 0,
                },
                "encoding": {"x": {"value": 0}, "y": {"value": 0}},
            },
        ],
    }  # fmt: skip
    months: Literal["ru-RU", "en-US"] = "ru-RU" if language == "ru" else "en-US"
    svg = vl_convert.vegalite_to_svg(spec, time_format_locale=months)
    return vl_convert.svg_to_pdf(svg)


def _small(png: bytes) -> bytes:
    """Return a picture in few colours, a fifth of the bytes; a mail is to stay small."""
    from PIL import Image

    few = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(few, "PNG", optimize=True)
    return few.getvalue()


def _spec(
    rows: Sequence[Dot], percent: bool, levels: Sequence[Level], spans: Sequence[Span]
) -> dict[str, Any]:
    values = [
        {
            "day": dot.day.isoformat(), "value": dot.value, "lower": dot.lower, "upper": dot.upper,
            "final": dot.final,
        }
        for dot in rows
    ]  # fmt: skip
    x = {
        "field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "title": None,
        "axis": {"format": "%-d %b", "tickCount": 5, "grid": False, "labelOverlap": True},
    }  # fmt: skip
    scale: dict[str, Any] = {"zero": False, "nice": True}
    y = {
        "type": "quantitative", "title": None, "scale": scale,
        "axis": {"labelExpr": _PERCENT if percent else _PLAIN, "tickCount": 4},
    }  # fmt: skip
    layers: list[dict[str, Any]] = []
    if spans:
        bands = [
            {"from": f"{span.first - timedelta(days=1)}T12:00", "to": f"{span.last}T12:00"} for span in spans
        ]
        layers.append(
            {
                "data": {
                    "values": bands,
                    "format": {"parse": {"from": "utc:'%Y-%m-%dT%H:%M'", "to": "utc:'%Y-%m-%dT%H:%M'"}},
                },
                "mark": {"type": "rect", "color": BAD, "opacity": 0.10},
                "encoding": {"x": {"field": "from", "type": "temporal"}, "x2": {"field": "to"}},
            }
        )
    place = {"x": x, "y": {**y, "field": "value"}}
    area = {"x": x, "y": {**y, "field": "lower"}, "y2": {"field": "upper"}}
    layers += [
        {"mark": {"type": "area", "color": MAIN, "opacity": 0.16}, "encoding": area},
        {"mark": {"type": "line", "color": MAIN, "strokeWidth": 2}, "encoding": place},
        {
            "mark": {
                "type": "point", "size": 26, "strokeWidth": 1.5, "filled": False, "fill": "white",
                "opacity": 1, "color": MAIN,
            },
            "transform": [{"filter": "!datum.final"}],
            "encoding": place,
        },
    ]  # fmt: skip
    for level, words, color, dash in levels:
        if level is not None:
            layers += _level(level, words, color, dash, y)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH, "height": HEIGHT, "background": "white", "padding": 10,
        "data": {"values": values, "format": {"parse": {"day": "utc:'%Y-%m-%d'"}}},
        "config": {
            "font": "Arial, Helvetica, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelColor": MUTED, "labelFontSize": TEXT_SIZE, "gridColor": LINE, "domain": False,
                "ticks": False, "labelPadding": 6,
            },
        },
        "layer": layers,
    }  # fmt: skip


def _level(level: float, words: str, color: str, dash: list[int], y: dict[str, Any]) -> list[dict[str, Any]]:
    data = {"values": [{"level": level, "words": words}]}
    place = {"y": {**y, "field": "level"}}
    rule = {"type": "rule", "color": color, "strokeDash": dash, "strokeWidth": 1.5}
    label = {
        "type": "text",
        "align": "left",
        "dx": 4,
        "color": color,
        "fontSize": TEXT_SIZE,
        "fontWeight": 600,
    }
    beside = {**place, "x": {"value": "width"}, "text": {"field": "words"}}
    return [
        {"data": data, "mark": rule, "encoding": place},
        {"data": data, "mark": {**label, "color": color}, "encoding": beside},
    ]


@functools.cache
def can_draw() -> bool:
    """Tell whether pictures can be made here."""
    return importlib.util.find_spec("vl_convert") is not None
