"""Goalkeeper's own tickets, and nothing beside them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from alerts.trackers.base import Heard, Mirrored, Place, TrackerOptions


class Options(TrackerOptions):
    """Nothing to say."""


class Tracker:
    """The store is the tracker: there is nothing to mirror and nothing to hear."""

    def __init__(self, options: BaseModel | None) -> None:
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Return no place: the ticket's own page is it."""
        return None

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Return nothing: people act on the ticket itself."""
        return []
