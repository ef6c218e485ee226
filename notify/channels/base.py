"""The port of channels: a channel sends one rendered message, or says why not.

A kind is a file in this folder with two names: `Options` (a frozen pydantic model: what the file may say) and
`Channel`, made of the options and the house. `send` returns when the other side has taken the message and
raises `DeliveryError` otherwise: `permanent=True` where a retry cannot help. It keeps no state and may be
called again with the same envelope after a crash: then the same message leaves under the same id. Texts of
errors never hold a secret. `BUNDLES = False` says that many messages at once are not to become one.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from core.config import Project, Smtp
from core.messages import Message


@dataclass(frozen=True, kw_only=True)
class House:
    """What a channel may know of the project."""

    smtp: Smtp | None
    state_dir: Path
    public_url: str
    zone: ZoneInfo

    @classmethod
    def of(cls, project: Project) -> "House":
        """Take from the project what channels need."""
        return cls(
            smtp=project.smtp, state_dir=project.state_dir, public_url=project.public_url, zone=project.zone
        )


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What surrounds a message: ids without angle brackets, stable over repeats.

    `thread` is the id of the first message about the same thing, '' where this is it. `at` is when the
    message came about (it does not change with a repeat), `now` when it is sent.
    """

    message_id: str
    thread: str
    at: datetime
    now: datetime


class ChannelOptions(BaseModel):
    """The base of every kind's options.

    `per_hour`: no more messages than this in an hour; critical ones go nevertheless, the others wait.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    per_hour: int | None = Field(None, ge=1)


class Channel(Protocol):
    """A place where messages go."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        """Keep the options; open nothing yet."""
        ...

    def send(self, message: Message, envelope: Envelope) -> None:
        """Hand the message over.

        Raises:
            DeliveryError: it did not leave the house.
        """
        ...
