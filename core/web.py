"""Ask an address of the web, signed where a secret is shared; answers never lead elsewhere."""

import base64
import hashlib
import hmac
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from core.config.problems import RefusedError
from core.config.secrets import Secret, mask_whole_url
from core.config.values import Duration
from core.errors import DeliveryError
from core.text import gettext as _


def _web(value: Any) -> Any:
    """Take addresses of the web alone.

    Raises:
        RefusedError: another scheme.
    """
    told = value.reveal() if isinstance(value, Secret) else value
    if not told.startswith(("https://", "http://")):
        raise RefusedError(_("This is not a web address."), allowed="https://…")
    return value


def _without_login(value: str) -> str:
    """Refuse `user:password@`: an address is shown.

    Raises:
        RefusedError: it holds a login.
    """
    if "@" in value.partition("://")[2].split("/", 1)[0]:
        raise RefusedError(_("An address is shown: a login has keys of its own."), allowed="https://host/…")
    return value


SecretAddress = Annotated[Secret, AfterValidator(_web)]
"""An address of the web that may hold a secret."""
Address = Annotated[
    str, AfterValidator(_web), AfterValidator(_without_login), AfterValidator(lambda value: value.rstrip("/"))
]
"""The beginning of addresses of the web."""
_RETRY = frozenset({408, 409, 425, 429})
_MOST = 2**20
"""Bytes of an answer that are read."""


class RefusedRequestError(DeliveryError):
    """The other side answered with `code`, 400 or above."""

    def __init__(self, message: str, code: int, *, permanent: bool, hint: str) -> None:
        super().__init__(message, permanent=permanent, hint=hint)
        self.code = code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without a body."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


class WebOptions(BaseModel):
    """How to be let in (a bearer `token`, or `user` and `password`), and how long an answer may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    token: Secret | None = None
    user: str | None = None
    password: Secret | None = None
    timeout: Duration = timedelta(seconds=30)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.token is not None and self.user is not None:
            raise RefusedError(_("There is one way in at most."), allowed="token, or user and password")
        if (self.user is None) != (self.password is None):
            raise RefusedError(_("user and password go together."), key="password")
        return self

    def headers(self) -> dict[str, str]:
        """Return the header that lets us in; none where nothing is needed."""
        if self.token is not None:
            return {"Authorization": f"Bearer {self.token.reveal()}"}
        if self.user is None or self.password is None:
            return {}
        pair = f"{self.user}:{self.password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def ask(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, timeout: timedelta,
    most: int = _MOST,
) -> str:  # fmt: skip
    """Return what an address answers, `most` bytes of it; JSON goes there.

    Raises:
        RefusedRequestError: it answered with an error; `permanent` where a retry cannot help.
        DeliveryError: it cannot be reached.
    """
    with _answer(method, url, body, headers, timeout) as answer:
        text: bytes = answer.read(most)
        return text.decode("utf-8", "replace")


def fetch(url: str, to: Path, headers: Mapping[str, str], *, timeout: timedelta, most: int) -> None:
    """Put what an address answers into a file, which is there as a whole or not at all.

    Raises:
        RefusedRequestError: it answered with an error.
        DeliveryError: it cannot be reached, or answers with more than `most` bytes.
    """
    part, place = to.with_name(f".{to.name[-80:]}.{os.getpid()}.part"), mask_whole_url(url)
    with _written(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file, _answer("GET", url, None, headers, timeout) as answer:
                length, size = answer.length, 0
                while size <= most and (piece := answer.read(2**20)):
                    with _written(to):  # else it would be the other side that failed
                        size += file.write(piece)
            if size > most:
                told = _("{place} answers with more than {most} bytes")
                raise DeliveryError(told.format(place=place, most=f"{most:,}"), permanent=True)
            if length is not None and size < length:
                raise DeliveryError(_("{place} broke off").format(place=place), permanent=False)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _written(to: Path) -> Iterator[None]:
    """Tell what keeps a file from being written."""
    try:
        yield
    except OSError as error:
        told = _("{path} cannot be written: {reason}")
        raise DeliveryError(told.format(path=to, reason=error.strerror), permanent=True) from error


@contextmanager
def _answer(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: timedelta
) -> Iterator[http.client.HTTPResponse]:
    told = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "goalkeeper", **headers}
    place = mask_whole_url(url)
    try:
        request = urllib.request.Request(url, data=body, headers=told, method=method)
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=timeout.total_seconds()) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            permanent = error.code < 500 and error.code not in _RETRY
            raise RefusedRequestError(
                _("{place} answered {code} {reason}").format(
                    place=place, code=error.code, reason=error.reason
                ),
                error.code,
                permanent=permanent,
                hint=_("Look at the address and at what the receiver logs.") if permanent else "",
            ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", error)).replace(url, place)
        said = _("{place} cannot be reached: {reason}").format(place=place, reason=reason)
        raise DeliveryError(said, permanent=isinstance(error, ValueError)) from None


def signed(secret: Secret | None, body: bytes, now: datetime) -> dict[str, str]:
    """Return the header that signs a body as of a time; none without a secret."""
    if secret is None:
        return {}
    seconds = str(int(now.timestamp()))
    return {"Goalkeeper-Signature": f"t={seconds},v1={signature(secret.reveal(), seconds, body)}"}


def signature(secret: str, seconds: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of `<seconds>.<body>`."""
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
