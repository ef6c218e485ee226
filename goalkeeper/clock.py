"""The clock; nobody else reads it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from store.database import Store

OWN = "now"
"""The fact of a store that was replayed: what time it is there."""


class Clock(Protocol):
    """Answers what time it is."""

    def __call__(self) -> datetime:
        """Return now, aware, in UTC."""
        ...


def now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def own_time(store: "Store") -> datetime | None:
    """Return the time that a replayed store stands still at (the demo's); None where the clock rules."""
    from store.settings import get

    with store.read() as session:
        kept = get(session, OWN)
    return datetime.fromisoformat(kept) if kept else None


def fixed(moment: datetime) -> Clock:
    """Return a clock that stands still."""
    return lambda: moment
