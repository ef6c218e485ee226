"""Write numbers, times and foreign text so that a page shows them as they are.

Texts from data and configuration are untrusted: Streamlit's markdown would read `$`, `[`, `:material/…:`,
plotly `<b>` and `%{…}` in them.
"""

import html
import re
from datetime import date as Date  # noqa: N812 - `date` writes one here
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core import figures
from core.foreign import one_line
from core.markdown import JOINER, escaped
from core.text import N_, ngettext, set_language
from core.text import gettext as _

NBSP = figures.NBSP
_SHORTCODE = re.compile(r":(?=[A-Za-z0-9_+\-/])")  # looked for after markdown was read
_WEB = re.compile(r"\b(www)(?=\.)", re.IGNORECASE)


def language() -> str:
    """Return the language of the reader's browser: 'en', 'ru', …"""
    return (st.context.locale or "en")[:2]


def speak() -> None:
    """Speak the reader's language from here on; every run of a page or of a part of it begins with this."""
    set_language(language())


def markdown(text: object, *, limit: int = 500) -> str:
    """Escape foreign text for Streamlit's markdown: it shows letter by letter, as one line."""
    return escaped(_WEB.sub(rf"\1{JOINER}", _SHORTCODE.sub(f":{JOINER}", one_line(text, limit=limit))))


def unescaped(said: str) -> str:
    """Return a sentence of ours without its markdown.

    >>> unescaped("**Basket** is 5\\% of \\*all\\*")
    'Basket is 5% of *all*'
    """
    return re.sub(r"\\(.)", r"\1", said.replace("**", "")).replace(JOINER, "")


def figure(text: object, *, limit: int = 80) -> str:
    """Escape foreign text for plotly: no tag, no template field, no formula."""
    line = html.escape(one_line(text, limit=limit), quote=False)
    return line.replace("%", "&#37;").replace("$", "&#36;").replace("{", "&#123;")


def number(value: float | None, unit: str = "", *, digits: int | None = None, currency: str = "") -> str:
    """Write a value in its unit (percent: a share 0–1); an em dash where there is none.

    >>> number(0.1182, "percent"), number(25220, "count"), number(1840.0, "ms")
    ('11.8\\xa0%', '25,220', '1,840\\xa0ms')
    """
    if value is None:
        return "—"
    if digits is not None and unit not in ("percent", "points", "count", "ms", "hours", "currency"):
        return f"{value:,.{digits}f}"
    if unit == "ms" and abs(value) < 10:
        return f"{value:.2g}{NBSP}ms"
    return figures.figure(value, unit, currency=currency)


def axis_unit(unit: str) -> str:
    """Return what stands beside a chart's title: the unit in words; nothing for what is counted."""
    return {
        "percent": _("%"),
        "points": _("percentage points"),
        "ms": _("milliseconds"),
        "hours": _("hours"),
        "currency": _("money"),
    }.get(unit, "")


def date(value: Date, *, year: bool = True) -> str:
    """Write a calendar day: '29 April 2026'."""
    text = f"{value.day}{NBSP}{_(_MONTHS[value.month - 1])}"
    return f"{text} {value.year}" if year else text


def day(moment: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
    """Write the local day: '29 April', with the year where asked for."""
    return date(moment.astimezone(zone).date(), year=year)


def days(since: datetime, until: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
    """Write [since, until) by its first and last local day, a single one alone."""
    first, last = (day(one, zone) for one in (since, until - timedelta(seconds=1)))
    closing = day(until - timedelta(seconds=1), zone, year=year)
    return closing if first == last else f"{first} – {closing}"


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Write a local time: '29 April, 14:05'; midnight as the day alone."""
    if value is None:
        return "—"
    local = value.astimezone(zone)
    return day(value, zone) if (local.hour, local.minute) == (0, 0) else f"{day(value, zone)}, {local:%H:%M}"


def until(value: datetime | None, zone: ZoneInfo) -> str:
    """Write the end of a window: midnight as the end of the day before."""
    if value is None or moment(value, zone) != day(value, zone):
        return moment(value, zone)
    return _("the end of {day}").format(day=day(value - timedelta(seconds=1), zone))


def span(length: timedelta) -> str:
    """Write a length of time in its largest whole unit: '3 days', '5 hours', '12 minutes'."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 2 * 86400:
        said = ngettext("{n} day", "{n} days", seconds // 86400).format(n=seconds // 86400)
    elif seconds >= 3600:
        said = ngettext("{n} hour", "{n} hours", seconds // 3600).format(n=seconds // 3600)
    else:
        said = ngettext("{n} minute", "{n} minutes", seconds // 60).format(n=seconds // 60)
    return said.replace(" ", NBSP)


def months() -> tuple[str, ...]:
    """Return the months as they stand after a day; their first three letters are their short names."""
    return tuple(_(month) for month in _MONTHS)


_MONTHS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)
