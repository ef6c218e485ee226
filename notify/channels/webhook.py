"""A signed JSON message to any address.

The body is one JSON object; `Goalkeeper-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256 over
`<seconds>.<body>` with the channel's secret, so that a receiver can refuse forged and old messages.
`Idempotency-Key` is the message's id: a repeat carries the same. `dedup_key` is the same for a ticket's
opening and its resolving, so that a pager closes what it opened.
"""

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from datetime import timedelta

from pydantic import BaseModel, Field, field_validator

from core.config import Secret
from core.config.problems import RefusedError
from core.config.secrets import mask_whole_url
from core.config.values import Duration
from core.errors import DeliveryError
from core.messages import Message
from core.text import gettext as _
from notify.channels.base import ChannelOptions, Envelope, House

_RETRY = frozenset({408, 409, 425, 429})


class Options(ChannelOptions):
    """`url` takes a POST; `secret` signs it."""

    url: Secret
    secret: Secret | None = None
    timeout: Duration = Field(timedelta(seconds=20))

    @field_validator("url")
    @classmethod
    def _web(cls, value: Secret) -> Secret:
        if not value.reveal().startswith(("https://", "http://")):
            raise RefusedError(_("This is not a web address."), allowed="https://…")
        return value


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without a body."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


class Channel:
    """Posts JSON."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def send(self, message: Message, envelope: Envelope) -> None:
        """Post it; any 2xx is taken as received."""
        url = self._options.url.reveal()
        body = self._body(message, envelope)
        request = urllib.request.Request(url, data=body, headers=self._headers(body, envelope), method="POST")
        opener = urllib.request.build_opener(_NoRedirect)
        place = mask_whole_url(url)
        try:
            with opener.open(request, timeout=self._options.timeout.total_seconds()):
                return
        except urllib.error.HTTPError as error:
            with error:
                permanent = error.code < 500 and error.code not in _RETRY
                raise DeliveryError(
                    _("{place} answered {code} {reason}").format(
                        place=place, code=error.code, reason=error.reason
                    ),
                    permanent=permanent,
                    hint=_("Look at the address and at what the receiver logs.") if permanent else "",
                ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(getattr(error, "reason", error)).replace(url, place)
            said = _("{place} cannot be reached: {reason}").format(place=place, reason=reason)
            raise DeliveryError(said, permanent=isinstance(error, ValueError)) from None

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

    def _headers(self, body: bytes, envelope: Envelope) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "goalkeeper",
            "Idempotency-Key": envelope.message_id,
        }
        if self._options.secret is not None:
            seconds = str(int(envelope.now.timestamp()))
            headers["Goalkeeper-Signature"] = (
                f"t={seconds},v1={signature(self._options.secret.reveal(), seconds, body)}"
            )
        return headers


def signature(secret: str, seconds: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of `<seconds>.<body>`."""
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
