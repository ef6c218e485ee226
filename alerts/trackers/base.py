"""The port of trackers: mirror tickets to where people keep their work, and hear of what they do there.

A kind is a file in this folder with `Options` and `Tracker`. The ticket in the store stays the truth. A
mirror is looked for by the ticket's key before one is made, so that a crash, or an answer that got lost,
never makes two.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from core.errors import DeliveryError
from core.text import gettext as _

_MARK = "goalkeeper:"
_RETRY = frozenset({0, 403, 408, 409, 423, 425, 429})


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A ticket as a tracker shows it: `key` is ours; `title` is plain text, `text` Markdown.

    `said` is what a comment says on closing, Markdown; `back` that it had been closed and is open again.
    """

    key: str
    title: str
    text: str
    severity: str
    kind: str
    closed: bool
    link: str
    said: str = ""
    back: bool = False


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


def hidden_key(key: str) -> str:
    """Return the line that makes an issue or a comment ours, where Markdown hides it.

    >>> hidden_key("ticket:lead")
    '<!-- goalkeeper: ticket:lead -->'
    """
    return f"<!-- {_MARK} {key} -->"


def is_ours(text: str) -> bool:
    """Tell whether a comment is our own."""
    return f"<!-- {_MARK}" in text


def short_key(key: str) -> str:
    """Return a key as one word, where nothing can be hidden.

    >>> short_key("ticket:lead:outcome:20260420T0000")
    'goalkeeper-6ec03df1d6'
    """
    return f"goalkeeper-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def refused(place: str, code: int, reason: str) -> DeliveryError:
    """Say that a tracker answered with an error; what cannot be mended by asking again is `permanent`."""
    if code == 401:
        said = _("{place} refused the token.").format(place=place)
        return DeliveryError(said, permanent=True, hint=_("Look at the tracker's token."))
    if code == 404:
        said = _("{place}: there is no such project or issue, or the token may not see it.")
        return DeliveryError(said.format(place=place), permanent=True)
    if code == 429:
        said = _("{place}: the limit of requests is reached.").format(place=place)
        return DeliveryError(said, permanent=False)
    said = _("{place} answered {code} {reason}").format(place=place, code=code or "", reason=reason[:200])
    return DeliveryError(said, permanent=400 <= code < 500 and code not in _RETRY)


def unreachable(place: str, error: Exception) -> DeliveryError:
    """Say that a tracker cannot be reached."""
    said = _("{place} cannot be reached: {reason}").format(place=place, reason=type(error).__name__)
    return DeliveryError(said, permanent=False)
