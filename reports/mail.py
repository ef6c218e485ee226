"""Lay a message out: one list of blocks makes the text and the HTML."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from core.figures import NBSP
from core.foreign import one_line
from core.text import gettext as _

TEMPLATES = Path(__file__).parent / "templates"
WIDTH = 76
"""Signs in a line of the text."""
_CODE = re.compile(r"`([^`\n]+)`")
LONGEST, LONGEST_LINK = 900, 2000
"""So many signs of a text, and of a link, are shown: a name in the data may be longer than a mail."""
SIGNATURE = "-- "
"""What mail programs know the footer by."""


class Tone(StrEnum):
    """How a thing stands; shown by a sign and a word beside the colour."""

    BAD = "bad"
    WATCH = "watch"
    GOOD = "good"
    CALM = "calm"

    @property
    def sign(self) -> str:
        """Return the sign that tells it without colour."""
        return {"bad": "▲", "watch": "◆", "good": "✓", "calm": "●"}[self.value]


@dataclass(frozen=True, kw_only=True)
class Lead:
    """What happened, in one or two sentences."""

    text: str
    kind: str = "lead"


@dataclass(frozen=True, kw_only=True)
class Number:
    """One large figure with what stands under it, and how it stands (a word)."""

    label: str
    figure: str
    detail: str
    tone: Tone = Tone.CALM
    word: str = ""
    kind: str = "number"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Rows of label and value; a value may be a link."""

    rows: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...] = ()
    title: str = ""
    kind: str = "facts"


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list; `numbered` where the order matters. An item is a text and, if it leads somewhere, its link."""

    title: str
    items: tuple[tuple[str, str], ...]
    numbered: bool = False
    kind: str = "items"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture that the message carries, with a text that says the same."""

    name: str
    text: str
    caption: str = ""
    kind: str = "image"


@dataclass(frozen=True, kw_only=True)
class Button:
    """The one link that matters."""

    label: str
    link: str
    kind: str = "button"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading inside a digest of several models; `link` leads to the model's page."""

    title: str
    link: str = ""
    kind: str = "section"


Block = Lead | Number | Facts | Items | Image | Button | Section


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A whole message before it is laid out. `word` says the tone, `preview` is what inboxes show."""

    tone: Tone
    word: str
    title: str
    where: str
    preview: str
    blocks: tuple[Block, ...]
    footer: str
    language: str = "en"


def lay_out(letter: Letter) -> tuple[str, str]:
    """Return the message as text and as HTML."""
    letter = _short(letter)
    text = _environment(False).get_template("mail.txt").render(letter=letter)
    html = _environment(True).get_template("mail.html").render(letter=letter)
    return _tidy(text), html


def _short(value: Any) -> Any:
    """Cut long texts, and leave away what a long link asks for."""
    if isinstance(value, StrEnum | bool):
        return value
    if isinstance(value, str) and web_link(value):
        return value if len(value) <= LONGEST_LINK else value.partition("?")[0]
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    if isinstance(value, tuple):
        return tuple(_short(one) for one in value)
    return replace(value, **{one.name: _short(getattr(value, one.name)) for one in fields(value)})


@cache
def _environment(html: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = plain
    made.filters["wrapped"] = wrapped
    made.filters["coded"] = coded
    made.globals["_"] = _late
    return made


def _late(text: str) -> str:
    return _(text)


def plain(value: Any) -> str:
    """Return foreign text as one line without control characters, so that it cannot forge lines."""
    return one_line(value, limit=LONGEST).replace(NBSP, " ")


def wrapped(value: Any, less: int = 0) -> str:
    """Return foreign text in lines of a mail; a figure and its unit stay on one line, and so do links."""
    kept = NBSP.join(plain(piece) for piece in str(value).split(NBSP))
    return textwrap.fill(kept, WIDTH - less, break_long_words=False, break_on_hyphens=False).replace(
        NBSP, " "
    )


def coded(value: Any) -> Markup:
    """Return foreign text for HTML, escaped; what stands between backticks is a command or a name."""
    return Markup(_CODE.sub(r'<span style="font-family:monospace;">\1</span>', str(escape(value))))


def web_link(link: str) -> str:
    """Return the link if it leads to the web, else ''."""
    return link if link.lower().startswith(("https://", "http://")) else ""


def _tidy(text: str) -> str:
    lines = [line if line == SIGNATURE else line.rstrip() for line in text.splitlines()]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def items(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Make list items without links."""
    return tuple((text, "") for text in texts)
