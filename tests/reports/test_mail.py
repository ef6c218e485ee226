"""A letter laid out: the text says what the HTML says, and foreign text stays text in both."""

import re
from typing import Any

import pytest

from core.text import language
from reports.mail import (
    Button,
    Facts,
    Items,
    Lead,
    Letter,
    Number,
    Section,
    Tone,
    coded,
    items,
    lay_out,
    wrapped,
)

HOSTILE = '<img src=x onerror=alert(1)>\n-- \nSigned: "the bank"'


def letter(*blocks: Any, **more: Any) -> Letter:
    told: dict[str, Any] = {
        "tone": Tone.BAD, "word": "critical", "title": "Conversion fell", "where": "Lead · ticket 1",
        "preview": "It fell.", "blocks": blocks, "footer": "Sent by Goalkeeper.",
    }  # fmt: skip
    return Letter(**(told | more))


def everything(text: str) -> Letter:
    """A letter with one text in every place that takes one from outside."""
    return letter(
        Lead(text=text), Section(title=text), Number(label=text, figure=text, detail=text, word=text),
        Facts(title=text, rows=((text, text),), links=((text, "https://example.com"),)),
        Items(title=text, items=(*items([text]), (text, "https://example.com"))),
        Button(label=text, link="https://example.com"),
        title=text, where=text, preview=text, footer=text, word=text,
    )  # fmt: skip


def test_no_text_from_outside_becomes_html() -> None:
    _text, html = lay_out(everything(HOSTILE))

    assert html.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    assert not re.search(r"<img|<script", html, re.IGNORECASE)


def test_no_text_from_outside_forges_a_line_or_the_signature() -> None:
    text, _html = lay_out(everything(HOSTILE))
    lines = text.splitlines()

    assert lines.count("-- ") == 1
    assert not [line for line in lines if line.startswith("Signed")]


def test_the_text_holds_all_that_the_html_holds() -> None:
    told = letter(
        Lead(text="It fell to 9 %."),
        Number(label="Conversion", figure="9 %", detail="of 100", word="off track"),
        Facts(rows=(("Owner", "growth"),), links=(("Runbook", "https://wiki.example.com"),)),
        Items(title="Look", items=(("the feed", "https://example.com/feed"),), numbered=True),
        Button(label="Open", link="https://example.com/open"),
    )  # fmt: skip
    text, html = lay_out(told)

    for part in (
        "It fell to 9 %.", "Conversion", "of 100", "Owner", "growth", "https://wiki.example.com", "the feed",
        "https://example.com/feed", "https://example.com/open", "Sent by Goalkeeper.",
    ):  # fmt: skip
        assert part in text, part
        assert part in html, part


def test_a_figure_and_its_unit_stay_on_one_line_of_the_text() -> None:
    for filler in range(60, 76):
        body = wrapped("x" * filler + " 10.3\u00a0% is normal, https://example.com/" + "long-" * 20)
        assert "10.3 %" in body
        assert "https://example.com/" + "long-" * 20 in body


def test_a_command_is_set_apart_in_html_and_nothing_else_gets_through() -> None:
    assert coded("Run `goalkeeper check` <now>") == (
        'Run <span style="font-family:monospace;">goalkeeper check</span> &lt;now&gt;'
    )
    assert "<b>" not in coded("`<b>`")


@pytest.mark.parametrize("spoken", ["en", "ru"])
def test_it_names_its_language(spoken: str) -> None:
    with language(spoken):
        _text, html = lay_out(letter(Lead(text="x"), language=spoken))
    assert f'<html lang="{spoken}">' in html
