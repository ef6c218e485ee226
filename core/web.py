"""Ask an address of the web, signed where a secret is shared; answers never lead elsewhere."""

import hashlib
import hmac
import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator

from core.config.problems import RefusedError
from core.config.secrets import Secret, mask_whole_url
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


SecretAddress = Annotated[Secret, AfterValidator(_web)]
"""An address of the web that may hold a secret."""
Address = Annotated[str, AfterValidator(_web), AfterValidator(lambda value: value.rstrip("/"))]
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


def ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, timeout: timedelta) -> str:
    """Return what an address answers; JSON goes there.

    Raises:
        RefusedRequestError: it answered with an error; `permanent` where a retry cannot help.
        DeliveryError: it cannot be reached.
    """
    told = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "goalkeeper", **headers}
    place = mask_whole_url(url)
    try:
        request = urllib.request.Request(url, data=body, headers=told, method=method)
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=timeout.total_seconds()) as answer:
            text: bytes = answer.read(_MOST)
            return text.decode("utf-8", "replace")
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
