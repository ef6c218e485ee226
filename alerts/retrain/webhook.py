"""A signed POST to any address: the ticket as JSON, with all that a pipeline needs.

`Idempotency-Key` is the retraining's key, also in the body as `key`: a receiver that gets it twice starts
once. `Goalkeeper-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256 over `<seconds>.<body>` with the secret. The
answer may be `{"handle": …}` and, where it is done at once, `{"version": …}`. With `status_url` it is asked
how it stands (`?key=…`): 404 where none was started, else `{"state": "running | done | failed", "version": …,
"log": …}`; without one `goalkeeper tickets retrained` says what came of it, or the new version in the log.
"""

import json
import urllib.parse
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from alerts.retrain.base import LONGEST_LOG, House, RetrainOptions, Run, RunState
from core.config import Secret
from core.config.values import Duration
from core.text import gettext as _
from core.web import RefusedRequestError, SecretAddress, ask, signed


class Options(RetrainOptions):
    """`url` takes a POST; `secret` signs it; `status_url` says how it stands."""

    url: SecretAddress
    secret: Secret | None = None
    status_url: SecretAddress | None = None
    timeout: Duration = Field(timedelta(seconds=20))


class Retrain:
    """Posts JSON."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Post it; any 2xx is taken as started."""
        body = json.dumps({**brief, "key": key}, ensure_ascii=False).encode()
        headers = {"Idempotency-Key": key} | signed(self._options.secret, body, now)
        told = self._ask("POST", self._options.url.reveal(), body, headers)
        return self._run(key, told, RunState.RUNNING)

    def find(self, key: str, now: datetime) -> Run | None:
        """Ask `status_url`; without one it runs until somebody says what came of it."""
        if self._options.status_url is None:
            return Run(key=key, state=RunState.RUNNING)
        url = self._options.status_url.reveal()
        asked = f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode({'key': key})}"
        try:
            told = self._ask("GET", asked, None, signed(self._options.secret, b"", now))
        except RefusedRequestError as error:
            if error.code == 404:
                return None
            raise
        return self._run(key, told, RunState.LOST)

    def _ask(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        answer = ask(method, url, body, headers, timeout=self._options.timeout)
        if not answer.strip():
            return {}
        try:
            told = json.loads(answer)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def _run(self, key: str, told: Mapping[str, Any], unsaid: RunState) -> Run:
        version = told.get("version")
        named = str(version)[:200] if isinstance(version, str | int | float) else ""
        try:
            state = RunState(str(told.get("state")))
        except ValueError:
            state = RunState.DONE if named else unsaid
        error = _("The other side did not say how it stands.") if state is RunState.LOST else ""
        if state is RunState.FAILED:
            error = str(told.get("error") or _("The other side says that it failed."))[:500]
        return Run(
            key=key, state=state, version=named, handle=str(told.get("handle", ""))[:200],
            log=str(told.get("log", ""))[-LONGEST_LOG:], error=error,
        )  # fmt: skip
