"""Tables as HTML: what is foreign is escaped here and nowhere else, and nothing is wider than its page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.foreign import one_line


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A text, on the right where it is a figure, and a link where it leads somewhere (an address of ours)."""

    text: str
    link: str = ""
    note: str = ""


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Cell]],
    *,
    figures: Sequence[int] = (),
    label: str = "",
) -> None:
    """Show rows under their heads; `figures` are the columns that hold numbers."""
    right = set(figures)
    head = "".join(f"<th{_side(at, right)}>{_escaped(name)}</th>" for at, name in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(f"<td{_side(at, right)}>{_cell(cell)}</td>" for at, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    caption = f'<caption class="gk-unseen">{_escaped(label)}</caption>' if label else ""
    st.html(
        f'<div class="gk-table"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Show labels and values, one under another."""
    items = "".join(f"<div><dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd></div>" for name, value in rows)
    st.html(f'<dl class="gk-facts">{items}</dl>')


def trail(rows: Sequence[tuple[str, str, str]]) -> None:
    """Show what happened, in order: when, who, what."""
    items = "".join(
        f"<li><time>{_escaped(when)}</time><p><b>{_escaped(who)}</b> {_escaped(what)}</p></li>"
        for when, who, what in rows
    )
    st.html(f'<ol class="gk-trail">{items}</ol>')


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return _escaped(cell)
    shown = _escaped(cell.text)
    if cell.link:
        shown = f'<a href="{html.escape(cell.link)}">{shown}</a>'
    return f"{shown}<small>{_escaped(cell.note)}</small>" if cell.note else shown


def _side(at: int, right: set[int]) -> str:
    return ' class="gk-right"' if at in right else ""


def _escaped(value: str) -> str:
    return html.escape(one_line(value, limit=600))
