"""Write names and values as YAML that reads back as the same text, whatever they hold."""

import json
import re
from collections.abc import Iterable, Mapping

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./*\-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})


def scalar(text: str) -> str:
    """Write one text; anything unusual in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text.replace("${", "$${"), ensure_ascii=False)
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in quoted)


def _escape(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


def mapping(items: Mapping[str, str | Mapping[str, str]]) -> str:
    """Write a mapping on one line."""
    parts = []
    for key, value in items.items():
        written = scalar(value) if isinstance(value, str) else mapping(value)
        parts.append(f"{scalar(key)}: {written}")
    return "{" + ", ".join(parts) + "}"


def row(items: Iterable[str]) -> str:
    """Write a list on one line."""
    return "[" + ", ".join(scalar(item) for item in items) + "]"
