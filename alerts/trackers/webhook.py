"""A signed POST to any address whenever a ticket changes; nothing is heard back.

The body is one JSON object with the ticket as it now stands; `key` is its key, and `Idempotency-Key` tells a
repeat of the same state. `Goalkeeper-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256 over `<seconds>.<body>`
with the secret. The answer may name the page of the mirror: `{"link": "https://…"}`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from alerts.trackers.base import Heard, Mirrored, Place, TrackerOptions
from core.config import Secret
from core.config.values import Duration
from core.web import SecretAddress, ask, signed


class Options(TrackerOptions):
    """`url` takes a POST; `secret` signs it."""

    url: SecretAddress
    secret: Secret | None = None
    timeout: Duration = Field(timedelta(seconds=20))


class Tracker:
    """Posts JSON."""

    def __init__(self, options: BaseModel | None) -> None:
        assert isinstance(options, Options)
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Post it; any 2xx is taken as received."""
        body = json.dumps({"format": 1, **asdict(ticket)}, ensure_ascii=False).encode()
        state = hashlib.sha256(body).hexdigest()[:16]
        headers = {"Idempotency-Key": f"{ticket.key}:{state}"} | signed(self._options.secret, body, now)
        answer = ask("POST", self._options.url.reveal(), body, headers, timeout=self._options.timeout)
        try:
            told = json.loads(answer or "{}")
        except ValueError:
            told = {}
        link = str(told.get("link", "")) if isinstance(told, dict) else ""
        return Place(handle=ticket.key, link=link if link.startswith(("https://", "http://")) else "")

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Return nothing."""
        return []
