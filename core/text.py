"""Translate every text that a person reads."""

import gettext as _gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ru")
_LOCALE = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("language", default="en")


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation("goalkeeper", localedir=_LOCALE, languages=[language], fallback=True)


@contextmanager
def language(code: str) -> Iterator[None]:
    """Speak `code` ('en', 'ru') inside the block; an unknown code means English."""
    token = _language.set(code if code in LANGUAGES else "en")
    try:
        yield
    finally:
        _language.reset(token)


def set_language(code: str) -> None:
    """Speak `code` from here on in this context; an unknown code means English."""
    _language.set(code if code in LANGUAGES else "en")


def gettext(message: str) -> str:
    """Translate `message` into the current language."""
    return _catalogue(_language.get()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate with the plural form that `n` asks for."""
    return _catalogue(_language.get()).ngettext(singular, plural, n)


def N_(message: str) -> str:  # the conventional name of this mark
    """Mark a constant for translation later."""
    return message
