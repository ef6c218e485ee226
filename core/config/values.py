"""The small languages of configuration values: durations, sizes, zones, schedules, rates."""

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, BeforeValidator, InstanceOf, PlainSerializer

from core.config.problems import RefusedError
from core.spelling import nearest_of
from core.text import gettext as _

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_WORDS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "year": "y"}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|y)\b", re.IGNORECASE)
_SIZES = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SIZES |= {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_duration(value: object) -> timedelta:
    """Read '15m', '7d', '1d 12h' as a timedelta above zero; a year has 365 days."""
    allowed = _("a number with a unit: 30s, 15m, 12h, 7d, 2w, 1y")
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise RefusedError(_("A length of time needs its unit."), allowed=allowed)
    total, at = timedelta(), 0
    try:
        while found := _PART.match(value, at):
            total, at = total + float(found[1]) * _UNITS[found[2].lower()], found.end()
    except OverflowError:
        raise RefusedError(_("This length of time is too long."), allowed=allowed) from None
    if at == 0 or value[at:].strip() or total <= timedelta():
        raise RefusedError(_("This is not a length of time."), allowed=allowed)
    return total


def duration_text(value: timedelta) -> str:
    """Write a timedelta the way the configuration spells it."""
    if value % _UNITS["s"]:
        return f"{value // _UNITS['ms']}ms"
    for unit in ("d", "h", "m"):
        if not value % _UNITS[unit]:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value // _UNITS['s']}s"


def _parse_age(value: object) -> timedelta | None:
    return None if value is None or value == "forever" else parse_duration(value)


def _parse_size(value: object) -> int:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(value))
    if isinstance(value, bool) or found is None or found[2].lower() not in _SIZES:
        raise RefusedError(_("This is not a size."), allowed=_("a number with a unit: 512MiB, 1GiB"))
    return int(float(found[1]) * _SIZES[found[2].lower()])


def _parse_zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RefusedError(
            _("There is no such time zone."),
            allowed=_("a name of the IANA list, such as UTC or Europe/Moscow"),
            nearest=nearest_of(str(value), available_timezones()),
        ) from None


def _parse_date(value: object) -> object:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> object:
    raise RefusedError(_("This is not a date."), allowed=_("year-month-day, such as 2026-09-01"))


def _parse_clock(value: object) -> time:
    if isinstance(value, time):
        return value
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if found is None:
        raise RefusedError(_("This is not a time of day."), allowed='"00:00" … "23:59"')
    return time(int(found[1]), int(found[2]))


def _parse_days(value: object) -> tuple[int, ...]:
    named = {"daily": range(7), "workdays": range(5), "weekends": range(5, 7), "weekly": range(1)}
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words:
        words = [None]
    days: set[int] = set()
    for word in words:
        if isinstance(word, int) and not isinstance(word, bool) and 0 <= word < 7:
            days.add(word)
        elif isinstance(word, str) and word.lower() in named:
            days.update(named[word.lower()])
        elif isinstance(word, str) and word.lower()[:3] in WEEKDAYS and word.isalpha():
            days.add(WEEKDAYS.index(word.lower()[:3]))
        else:
            known = [*named, *WEEKDAYS]
            raise RefusedError(
                _("These are not days of the week."),
                allowed=", ".join(known),
                nearest=nearest_of(word, known) if isinstance(word, str) else "",
            )
    return tuple(sorted(days))


def _days_text(days: tuple[int, ...]) -> list[str]:
    return [WEEKDAYS[day] for day in days]


class Schedule(BaseModel, frozen=True, extra="forbid"):
    """When something runs: `every 15m`, or `at 06:00` (of the project's zone) each day."""

    every: timedelta | None = None
    at: time | None = None

    @property
    def interval(self) -> timedelta:
        """Return how long it is from one time to the next."""
        return self.every or timedelta(days=1)

    def __str__(self) -> str:
        if self.at is not None:
            return f"at {self.at:%H:%M}"
        return f"every {duration_text(self.every)}" if self.every is not None else ""


def parse_schedule(value: object) -> Schedule:
    """Read 'every 15m' or 'at 06:00'."""
    if isinstance(value, Schedule):
        return value
    word, _space, rest = str(value).partition(" ")
    if word == "every" and rest:
        return Schedule(every=parse_duration(rest if rest[0].isdigit() else f"1{_WORDS.get(rest, rest)}"))
    if word in ("at", "daily") and rest:
        return Schedule(at=_parse_clock(rest.removeprefix("at ").strip()))
    raise RefusedError(_("This is not a schedule."), allowed="every 15m, at 06:00")


class Rate(BaseModel, frozen=True, extra="forbid"):
    """How many false alarms are accepted: `count` in `windows` windows, or in `period`; one of the two."""

    count: float = 1.0
    windows: float | None = None
    period: timedelta | None = None

    def windows_per_alarm(self, grain_length: timedelta) -> float:
        """Return the mean number of windows between two false alarms for windows of this length."""
        if self.windows is not None:
            return self.windows / self.count
        return (self.period or timedelta(days=365)) / grain_length / self.count

    def __str__(self) -> str:
        if self.windows is not None:
            return f"{self.count:g} per {self.windows:g} windows"
        return f"{self.count:g} per {duration_text(self.period or timedelta(days=365))}"


def parse_rate(value: object) -> Rate:
    """Read '1 per 1000 windows', '2 per year'."""
    if isinstance(value, Rate):
        return value
    allowed = _("1 per 1000 windows, 1 per year, 2 per quarter")
    found = re.fullmatch(
        r"\s*(\d+(?:\.\d+)?)\s+(?:per|in)\s+(?:(\d+(?:[_.]\d+)*)\s+windows|a?\s*(week|month|quarter|year))\s*",
        value if isinstance(value, str) else "",
    )
    if found is None or float(found[1]) <= 0:
        raise RefusedError(_("This is not a rate of false alarms."), allowed=allowed)
    if found[2]:
        windows = float(found[2].replace("_", ""))
        if windows <= 0:
            raise RefusedError(_("This is not a rate of false alarms."), allowed=allowed)
        return Rate(count=float(found[1]), windows=windows)
    days = {"week": 7, "month": 30.4375, "quarter": 91.3125, "year": 365.25}[found[3]]
    return Rate(count=float(found[1]), period=timedelta(days=days))


def _serial(write: Callable[[Any], Any]) -> PlainSerializer:
    return PlainSerializer(write, when_used="unless-none")


Duration = Annotated[timedelta, BeforeValidator(parse_duration), _serial(duration_text)]
Age = Annotated[
    timedelta | None,
    BeforeValidator(_parse_age),
    PlainSerializer(lambda age: "forever" if age is None else duration_text(age)),
]
Size = Annotated[int, BeforeValidator(_parse_size)]
Zone = Annotated[InstanceOf[ZoneInfo], BeforeValidator(_parse_zone), _serial(str)]
Day = Annotated[date, BeforeValidator(_parse_date)]
Clock = Annotated[time, BeforeValidator(_parse_clock), _serial(lambda at: f"{at:%H:%M}")]
Days = Annotated[tuple[int, ...], BeforeValidator(_parse_days), _serial(_days_text)]
When = Annotated[Schedule, BeforeValidator(parse_schedule), _serial(str)]
AlarmRate = Annotated[Rate, BeforeValidator(parse_rate), _serial(str)]
