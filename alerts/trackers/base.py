"""The port of trackers: mirror tickets to where people keep their work, and hear of what they do there.

A kind is a file in this folder with `Options` and `Tracker`. The ticket in the store stays the truth. A
mirror is looked for by the ticket's key before one is made, so that a crash, or an answer that got lost,
never makes two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A ticket as a tracker shows it: `key` is ours; `title` is plain text, `text` Markdown.

    `said` is what a comment says on closing, Markdown.
    """

    key: str
    title: str
    text: str
    severity: str
    kind: str
    closed: bool
    link: str
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a ticket is mirrored: what the tracker knows it by, and its page."""

    handle: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What somebody did over there: `id` tells it from everything else that happened to this mirror.

    `closed` and `assignee` are None where that was not changed.
    """

    id: str
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

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Bring the mirror up to date; without a handle it is looked for by key, then made.

        Returns:
            Where it is; None for a tracker that mirrors nothing.

        Raises:
            DeliveryError: the tracker did not take it.
        """
        ...

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Return what people did to a mirror since a time, oldest first; what we did is left out.

        Raises:
            DeliveryError: the tracker does not answer.
        """
        ...
