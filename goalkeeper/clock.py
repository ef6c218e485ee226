"""The clock; nobody else reads it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Answers what time it is."""

    def __call__(self) -> datetime:
        """Return now, aware, in UTC."""
        ...


def now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def fixed(moment: datetime) -> Clock:
    """Return a clock that stands still."""
    return lambda: moment
