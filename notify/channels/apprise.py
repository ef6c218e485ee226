"""Slack, Teams, Telegram and a hundred other places, through Apprise addresses (`slack://…`, `tgram://…`)."""

import logging

import apprise
from pydantic import BaseModel, Field, field_validator

from core.config import Secret
from core.config.problems import RefusedError
from core.config.secrets import mask_whole_url
from core.errors import DeliveryError
from core.messages import Message, Severity
from core.text import gettext as _
from notify.channels.base import ChannelOptions, Envelope, House

_TYPES = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.MAJOR: apprise.NotifyType.WARNING,
    Severity.MINOR: apprise.NotifyType.WARNING,
    Severity.NOTICE: apprise.NotifyType.INFO,
}


class Options(ChannelOptions):
    """`urls` are Apprise addresses; each is a secret."""

    urls: tuple[Secret, ...] = Field(min_length=1)

    @field_validator("urls", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("urls")
    @classmethod
    def _understood(cls, value: tuple[Secret, ...]) -> tuple[Secret, ...]:
        for one in value:
            if not apprise.Apprise().add(one.reveal()):
                raise RefusedError(
                    _("Apprise does not understand this address."),
                    allowed="slack://…, msteams://…, tgram://…",
                )
        return value


class Channel:
    """Sends one message to each address."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._urls = options.urls

    def send(self, message: Message, envelope: Envelope) -> None:
        """Hand the text over; pictures stay behind, the link leads to them."""
        resolved = message.kind == "resolved"
        failed = []
        for url in self._urls:
            there = apprise.Apprise()
            there.add(url.reveal())
            with apprise.LogCapture(level=logging.WARNING) as log:  # type: ignore[no-untyped-call]
                taken = there.notify(
                    title=message.subject,
                    body=message.text,
                    notify_type=apprise.NotifyType.SUCCESS if resolved else _TYPES[message.severity],
                    body_format=apprise.NotifyFormat.TEXT,
                )
                said = log.getvalue() if not taken else ""
            if not taken:
                place = mask_whole_url(url.reveal())
                reason = said.replace(url.reveal(), place).strip().splitlines()
                failed.append(f"{place}: " + (reason[-1] if reason else _("refused")))
        if failed:
            raise DeliveryError(
                "; ".join(failed),
                permanent=len(failed) < len(self._urls),
                hint=_("The others have got it.")
                if len(failed) < len(self._urls)
                else _("It is tried again."),
            )
