"""Text from data, configuration and people, before it is shown anywhere."""

import re

from core.figures import NBSP

LONGEST = 500
_KEPT = frozenset(f"{NBSP}\u200c\u200d")
"""No-break space, and what joins letters or emoji."""


def one_line(text: object, *, limit: int = LONGEST) -> str:
    """Return foreign text as one line of at most `limit` signs, without control characters.

    >>> one_line("fell\\r\\nBcc: x@example.com")
    'fell Bcc: x@example.com'
    """
    shown = "".join(sign if sign.isprintable() or sign in _KEPT else " " for sign in str(text))
    line = re.sub(" +", " ", shown).strip(" ")
    return line if len(line) <= limit else line[: limit - 1] + "…"
