"""Half-open windows of time, aligned in the project's time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Grain(StrEnum):
    """The length of a window."""

    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"

    @property
    def length(self) -> timedelta:
        """The usual length; a day has 23 or 25 hours when clocks change, a month counts as 30 days."""
        return {
            Grain.HOUR: timedelta(hours=1),
            Grain.DAY: timedelta(days=1),
            Grain.WEEK: timedelta(days=7),
            Grain.MONTH: timedelta(days=30),
        }[self]

    @property
    def settle(self) -> timedelta:
        """How long after its end a window still counts as open, unless configured."""
        return timedelta(minutes=15) if self is Grain.HOUR else timedelta(hours=3)


@dataclass(frozen=True, kw_only=True, order=True)
class Window:
    """`[start, end)` in UTC.

    >>> from datetime import datetime, UTC
    >>> day = window_at(datetime(2026, 3, 29, 12, tzinfo=UTC), Grain.DAY, ZoneInfo("Europe/Madrid"))
    >>> (day.end - day.start).total_seconds() / 3600     # clocks went forward
    23.0
    """

    start: datetime
    end: datetime
    grain: Grain

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError(f"a window needs aware times with start < end, got [{self.start}, {self.end})")

    def is_open(self, now: datetime, settle: timedelta | None = None) -> bool:
        """Tell whether rows may still arrive: `now` is before end + settle."""
        return now < self.end + (self.grain.settle if settle is None else settle)

    def local_day(self, zone: ZoneInfo) -> date:
        """The calendar day on which the window starts."""
        return self.start.astimezone(zone).date()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _day_span(day: date, grain: Grain) -> tuple[date, date]:
    if grain is Grain.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    if grain is Grain.MONTH:
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    return day, day + timedelta(days=1)


def window_at(moment: datetime, grain: Grain, zone: ZoneInfo) -> Window:
    """Return the window of `grain` that holds the aware `moment`."""
    first, after = _day_span(moment.astimezone(zone).date(), grain)
    start, end = _midnight(first, zone), _midnight(after, zone)
    if grain is Grain.HOUR:
        hour = timedelta(hours=1)
        begin = start + (moment.astimezone(UTC) - start) // hour * hour
        return Window(start=begin, end=min(begin + hour, end), grain=grain)
    return Window(start=start, end=end, grain=grain)


def windows_between(start: datetime, end: datetime, grain: Grain, zone: ZoneInfo) -> Iterator[Window]:
    """Yield, in order, every window of `grain` that overlaps `[start, end)`."""
    while start < end:
        window = window_at(start, grain, zone)
        yield window
        start = window.end
