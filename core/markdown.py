"""Keep foreign text from being markdown."""

import re

JOINER = "\u2060"
"""Invisible; put into what would be found although its signs are escaped: shortcodes, mentions, addresses."""
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$&=^\"'])")


def escaped(line: str) -> str:
    """Return a line that markdown shows letter by letter.

    >>> escaped("**now** [x](y)")
    '\\\\*\\\\*now\\\\*\\\\* \\\\[x\\\\]\\\\(y\\\\)'
    """
    return _PUNCTUATION.sub(r"\\\1", line)
