"""Goalkeeper's own tickets, and nothing beside them."""

from datetime import datetime

from pydantic import BaseModel

from alerts.trackers.base import Heard, Mirrored, TrackerOptions


class Options(TrackerOptions):
    """Nothing to say."""


class Tracker:
    """The store is the tracker: there is nothing to mirror and nothing to hear."""

    def __init__(self, options: BaseModel | None) -> None:
        self._options = options

    def mirror(self, ticket: Mirrored) -> str:
        """Return no address: the ticket's own page is the place."""
        return ""

    def heard(self, since: datetime) -> list[Heard]:
        """Return nothing: people act on the ticket itself."""
        return []
