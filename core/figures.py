"""Write numbers for people, the same way in alerts, tickets and messages."""

from core.text import gettext as _

NBSP = "\u00a0"


def figure(value: float | None, unit: str = "", *, currency: str = "") -> str:
    """Write a value in its unit (percent: a share 0–1, points: between two); an em dash where there is none.

    >>> figure(0.1182, "percent"), figure(25220, "count"), figure(-0.0312), figure(-0.115, "points")
    ('11.8\\xa0%', '25,220', '−0.031', '−11.5 points')
    """
    if value is None:
        return "—"
    text = _figure(value, unit, currency)
    return f"−{text[1:]}" if text.startswith("-") else text


def _figure(value: float, unit: str, currency: str) -> str:
    if unit == "percent":
        share = 100 * value
        places = 2 if 0 < abs(share) < 1 else 1
        return f"{share:.{places}f}{NBSP}%"
    if unit == "points":
        return _("{change} points").format(change=f"{100 * value:.1f}")
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "ms":
        return f"{value:,.0f}{NBSP}ms"
    if unit == "hours":
        return f"{value:,.1f}{NBSP}h"
    if unit == "currency":
        return f"{value:,.{0 if abs(value) >= 1000 else 2}f}{NBSP}{currency}".rstrip()
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"


def points(change: float, unit: str = "", *, currency: str = "") -> str:
    """Write a change with its sign; shares change by points.

    >>> points(-0.0123, "percent"), points(120.0, "ms")
    ('−1.2 points', '+120\\xa0ms')
    """
    sign = "−" if change < 0 else "+"
    if unit in ("percent", "points"):
        return _("{change} points").format(change=f"{sign}{abs(100 * change):.1f}")
    return f"{sign}{figure(abs(change), unit, currency=currency)}"


def size(count: float) -> str:
    """Write a number of bytes.

    >>> size(812), size(20_480), size(3_500_000)
    ('812\\xa0B', '20.0\\xa0KiB', '3.3\\xa0MiB')
    """
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count, units = count / 1024, units[1:]
    return f"{count:,.{0 if units[0] == 'B' else 1}f}{NBSP}{units[0]}"
