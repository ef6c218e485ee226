"""Write the Markdown of a ticket as what a tracker reads that knows no Markdown.

Only what `reports.mirrors` writes is known: paragraphs, lists of one level, bold words and links.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_SIGNS = re.compile(r"([\\*_\-+^~{}\[\]|!#?@()])")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a tracker writes: `text` keeps foreign text from being markup; `link` takes words and address."""

    text: Callable[[str], str]
    strong: str
    link: Callable[[str, str], str]
    bullet: str
    number: str


PLAIN = Style(
    text=str, strong="", bullet="- ", number="{n}. ",
    link=lambda words, address: address if words == address else f"{words}: {address}",
)  # fmt: skip
WIKI = Style(
    text=lambda text: _SIGNS.sub(r"\\\1", text), strong="*", bullet="* ", number="# ",
    link=lambda words, address: f"[{words}|{address.replace('|', '%7C').replace(']', '%5D')}]",
)  # fmt: skip


def written(markdown: str, style: Style) -> str:
    """Return Markdown in another style.

    >>> written("It **fell**: 3\\\\*2.\\n\\n1. [Drift](https://x.example/a)\\n1. Rows", WIKI)
    'It *fell*: 3\\\\*2.\\n\\n# [Drift|https://x.example/a]\\n# Rows'
    """
    blocks: list[str] = []
    items: list[str] | None = None
    begin = ""
    for token in MarkdownIt("commonmark").parse(markdown):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            items, begin = [], style.bullet if token.type.startswith("bullet") else style.number
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            blocks.append("\n".join(items or ()))
            items = None
        elif token.type == "inline":
            line = _line(token.children or [], style)
            if items is None:
                blocks.append(line)
            else:
                items.append(begin.format(n=len(items) + 1) + line)
    return "\n\n".join(blocks)


def _line(tokens: list[Token], style: Style) -> str:
    told, address, words = "", "", ""
    for token in tokens:
        if token.type == "link_open":
            words, told, address = told, "", str(token.attrs["href"])
        elif token.type == "link_close":
            told = words + style.link(told, address)
        elif token.type in ("strong_open", "strong_close"):
            told += style.strong
        elif token.type == "softbreak":
            told += " "
        elif token.type in ("text", "text_special"):
            told += style.text(token.content)
    return told
