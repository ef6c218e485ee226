"""The port of trackers: mirror tickets to where people keep their work, and hear of changes there.

A kind is a file in this folder with `Options` and `Tracker`. The ticket in the store stays the truth; a
mirror is found again by the ticket's key, so that a crash never makes two.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from core.rules import TicketState


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A ticket as a tracker shows it: `key` is ours, `text` is Markdown, `link` leads to our page."""

    key: str
    title: str
    text: str
    severity: str
    state: TicketState
    link: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What somebody did over there since we last looked; `closed` and `assignee` are None where unchanged."""

    key: str
    at: datetime
    actor: str
    comment: str = ""
    closed: bool | None = None
    assignee: str | None = None


class TrackerOptions(BaseModel):
    """The base of every kind's options."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Tracker(Protocol):
    """A place where tickets are mirrored."""

    def __init__(self, options: BaseModel | None) -> None:
        """Keep the options; open nothing yet."""
        ...

    def mirror(self, ticket: Mirrored) -> str:
        """Create or bring up to date; return the address of the mirror ('' where it has none).

        Raises:
            DeliveryError: the tracker did not take it.
        """
        ...

    def heard(self, since: datetime) -> list[Heard]:
        """Return what people did there since a time, oldest first.

        Raises:
            DeliveryError: the tracker does not answer.
        """
        ...
