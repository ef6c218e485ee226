"""Values that must not be seen: secrets, masked text and the rules of what is secret."""

import re
from typing import Annotated, Any, Self

from pydantic import GetCoreSchemaHandler, PlainSerializer, WrapValidator
from pydantic_core import CoreSchema, core_schema

MASK = "********"

_SECRET_KEY = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pwd|token|secret|api_?key|access_?key|private_?key|"
    r"secret_?key|account_?key|credentials?|authorization|auth|cookie)(?:$|_)",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?P<user>[^:/?#@]*):(?P<secret>[^/?#]*)@")
_QUERY = re.compile(
    r"(?P<key>[?&;](?:[\w\-]*(?:password|passwd|pwd|token|secret|key|sig|signature)[\w\-]*)=)[^&;#]*",
    re.IGNORECASE,
)
_WHOLE_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?P<rest>.*)", re.DOTALL)


def is_secret_key(key: str) -> bool:
    """Tell whether a key of this name holds a secret: password, token, api_key, webhook_secret …"""
    return _SECRET_KEY.search(re.sub(r"(?<=[a-z])(?=[A-Z])|[-.]", "_", key)) is not None


def mask_url(text: str) -> str:
    """Mask the password and the secret parameters inside an address; other text stays as it is."""
    masked = _USER_INFO.sub(lambda found: f"{found['scheme']}{found['user']}:{MASK}@", text)
    return _QUERY.sub(lambda found: f"{found['key']}{MASK}", masked) if "://" in masked else masked


def url_secrets(text: str) -> list[str]:
    """Return the passwords and secret parameters inside an address, as they are written."""
    if "://" not in text:
        return []
    parts = [found["secret"] for found in _USER_INFO.finditer(text)]
    return parts + [found[0].partition("=")[2] for found in _QUERY.finditer(text)]


def mask_whole_url(text: str) -> str:
    """Mask all of an address but its scheme (and host of http): the path of a webhook is its secret."""
    found = _WHOLE_URL.fullmatch(text)
    if found is None:
        return MASK
    host = found["rest"].split("/", 1)[0].split("@")[-1] if found["scheme"].startswith("http") else ""
    host = host.split("?", 1)[0].split("#", 1)[0]
    return f"{found['scheme']}{host}/{MASK}" if host else f"{found['scheme']}{MASK}"


class Masked(str):
    """Text that works as itself and shows itself masked (`repr`, dumps, errors)."""

    shown: str

    def __new__(cls, text: str, shown: str = MASK) -> Self:
        made = super().__new__(cls, text)
        made.shown = shown
        return made

    def __repr__(self) -> str:
        return repr(self.shown)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str.__str__(self), self.shown)


class Secret:
    """A value that only `reveal()` gives away; `str`, `repr`, dumps and errors show `shown`."""

    __slots__ = ("_shown", "_text")

    def __init__(self, text: str, shown: str = MASK) -> None:
        self._text = text
        self._shown = shown

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Make one from text; numbers become text."""
        if isinstance(value, cls):
            return value
        if isinstance(value, Secret):
            return cls(value._text, value._shown)
        if isinstance(value, Masked):
            return cls(str.__str__(value), value.shown)
        if isinstance(value, str):
            return cls(value, cls._mask(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return cls(str(value))
        raise ValueError("a text is needed here")

    @classmethod
    def _mask(cls, text: str) -> str:
        return MASK

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class SecretUrl(Secret):
    """An address whose password is masked: `postgresql://gk:********@host/db`."""

    __slots__ = ()

    @classmethod
    def _mask(cls, text: str) -> str:
        return mask_url(text)


def _keep_masked(value: Any, handler: Any) -> Any:
    checked = handler(value)
    return value if isinstance(value, Masked) else checked


def _show(value: str) -> str:
    return value.shown if isinstance(value, Masked) else value


Text = Annotated[str, WrapValidator(_keep_masked), PlainSerializer(_show, return_type=str)]
"""Text that stays masked in dumps if it came from the environment."""
