"""What happens in the simulated call centre, and when; examples/call_centre/README.md tells it in words."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Moscow")
SEED = 20260429
MODEL = "call-conversion"


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days from `first` to `last`, both counted."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Tell whether a day is one of them."""
        return self.first <= day <= self.last

    def days(self) -> list[date]:
        """Return every day, in order."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


LOG = Span(first=date(2025, 12, 30), last=date(2026, 4, 28))
REFERENCE = Span(first=date(2025, 11, 25), last=date(2025, 12, 29))
BACKFILL = 45
"""Days of the past that the first pass finds; from then on each workday morning has a pass."""
MORNING = time(8, 30)
"""When the pass of a day runs, over everything up to midnight."""

MISSING = Span(first=date(2026, 2, 17), last=date(2026, 2, 20))
MISSING_REGION, MISSING_COLUMN = "south", "tenure_months"
ERRORS_ON, ERROR_HOURS, ERROR_SHARE = date(2026, 2, 25), range(14, 17), 0.25
RELEASE = date(2026, 3, 4)
SPRING = Span(first=date(2026, 4, 7), last=LOG.last)
SPRING_NAME, SPRING_PILOT, SPRING_SHARE = "spring", 0.012, 0.58
"""The campaign's share of the list: the pilot's before, the campaign's from its first day on."""
QUIET_ERRORS = 0.003

WEEKDAY_CALLS, WEEKEND_CALLS = 2400, 1700
OFFERS = 0.30
"""Share of customers to whom a version makes the special offer, among those it was trained on."""
OPENS, CLOSES = 9, 20
ANSWERED = 0.8
LONGEST = timedelta(days=7)
"""An outcome is known within this time after the call."""


def morning_after(day: date) -> datetime:
    """Return when the pass over `day` runs."""
    return datetime.combine(day + timedelta(days=1), MORNING, tzinfo=ZONE)


def mornings() -> list[date]:
    """Return the newest day of each pass: the past at once, then one on each workday morning."""
    return [day for day in LOG.days()[BACKFILL - 1 :] if morning_after(day).weekday() < 5]
