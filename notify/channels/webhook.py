"""A signed JSON message to any address.

The body is one JSON object; `Goalkeeper-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256 over
`<seconds>.<body>` with the channel's secret, so that a receiver can refuse forged and old messages.
`Idempotency-Key` is the message's id: a repeat carries the same. `dedup_key` is the same for a ticket's
opening and its resolving, so that a pager closes what it opened.
"""

import json
from datetime import timedelta

from pydantic import BaseModel, Field

from core.config import Secret
from core.config.values import Duration
from core.messages import Message
from core.web import SecretAddress, ask, signed
from notify.channels.base import ChannelOptions, Envelope, House

BUNDLES = False
"""What receives them closes what it opened, ticket by ticket."""


class Options(ChannelOptions):
    """`url` takes a POST; `secret` signs it."""

    url: SecretAddress
    secret: Secret | None = None
    timeout: Duration = Field(timedelta(seconds=20))


class Channel:
    """Posts JSON."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def send(self, message: Message, envelope: Envelope) -> None:
        """Post it; any 2xx is taken as received."""
        body = self._body(message, envelope)
        headers = {"Idempotency-Key": envelope.message_id} | signed(self._options.secret, body, envelope.now)
        ask("POST", self._options.url.reveal(), body, headers, timeout=self._options.timeout)

    def _body(self, message: Message, envelope: Envelope) -> bytes:
        told = {
            "format": 1,
            "id": envelope.message_id,
            "dedup_key": message.key,
            "kind": message.kind,
            "severity": message.severity.value,
            "subject": message.subject,
            "text": message.text,
            "link": message.link,
            "at": envelope.at.isoformat(),
        }
        return json.dumps(told, ensure_ascii=False).encode()
