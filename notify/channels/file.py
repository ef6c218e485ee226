"""Mails as files: one `.eml` a message in `state_dir/outbox/`, or in a folder of one's own."""

from pathlib import Path

from pydantic import BaseModel, field_validator

from core.config.secrets import Text
from core.messages import Message
from notify.channels.base import ChannelOptions, Envelope, House
from notify.mail import compose, drop

NOBODY = "goalkeeper@localhost.localdomain"


class Options(ChannelOptions):
    """`to` only stands in the mail's head; `folder` is where the files go."""

    to: tuple[Text, ...] = (NOBODY,)
    folder: Path | None = None

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Channel:
    """Writes a mail instead of sending it."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        chosen = options if isinstance(options, Options) else Options()
        self._to = chosen.to
        self._sender = house.smtp.sender if house.smtp else NOBODY
        self._folder = chosen.folder or house.state_dir / "outbox"

    def send(self, message: Message, envelope: Envelope) -> None:
        """Write the file."""
        drop(compose(message, envelope, sender=self._sender, to=self._to), self._folder)
