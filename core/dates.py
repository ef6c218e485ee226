"""Write days and times for people, in the project's zone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.text import gettext as _
from core.text import ngettext


def day_text(day: date, *, year: bool = False) -> str:
    """Write a calendar day: '29 April', or '29 April 2026'."""
    text = f"{day.day} {_months()[day.month - 1]}"
    return f"{text} {day.year}" if year else text


def local_day(moment: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
    """Write the local day of a moment."""
    return day_text(moment.astimezone(zone).date(), year=year)


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Write a local time: '29 April, 14:05'; midnight as the day alone."""
    local = moment.astimezone(zone)
    text = day_text(local.date())
    return text if (local.hour, local.minute) == (0, 0) else f"{text}, {local:%H:%M}"


def length_text(length: timedelta) -> str:
    """Write a length of time in its largest whole unit: '3 days', '5 hours', '12 minutes'."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 2 * 86400:
        return ngettext("{n} day", "{n} days", seconds // 86400).format(n=seconds // 86400)
    if seconds >= 3600:
        return ngettext("{n} hour", "{n} hours", seconds // 3600).format(n=seconds // 3600)
    return ngettext("{n} minute", "{n} minutes", seconds // 60).format(n=seconds // 60)


def _months() -> tuple[str, ...]:
    return (
        _("January"), _("February"), _("March"), _("April"), _("May"), _("June"), _("July"), _("August"),
        _("September"), _("October"), _("November"), _("December"),
    )  # fmt: skip
