"""Every text of the source is in the catalogue, translated, with the same placeholders."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from core.text import gettext, language, ngettext

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "core" / "locale"
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
MEND = "run `make locale` and translate what is new"


def extracted() -> dict[str | tuple[str, ...], str]:
    """Read every text out of the source, as `make locale` does; return it with a file that holds it."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, KEYWORDS)
    return {row[2]: row[0] for row in found if row[2]}


def catalogue() -> Catalog:
    with (LOCALE / "ru" / "LC_MESSAGES" / "goalkeeper.po").open("rb") as file:
        return read_po(file, locale="ru")


def texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def fields(text: str) -> set[str]:
    """Return the placeholders, with conversion and format."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError:  # braces that are not placeholders: an example of YAML, never formatted
        return set()
    return {
        f"{name}{'!' + how if how else ''}{':' + spec if spec else ''}"
        for _text, name, spec, how in parsed
        if name and re.fullmatch(r"\w+", name)
    }


def test_no_text_of_the_source_is_missing_from_the_catalogue() -> None:
    in_catalogue = {message.id for message in texts(catalogue())}

    missing = extracted().keys() - in_catalogue

    assert not missing, f"{MEND}: {sorted(map(str, missing))[:5]}"


def test_the_catalogue_holds_no_text_that_the_source_has_lost() -> None:
    in_catalogue = {message.id for message in texts(catalogue())}

    left = in_catalogue - extracted().keys()

    assert not left, f"{MEND}: {sorted(map(str, left))[:5]}"


def test_every_text_is_translated() -> None:
    for message in texts(catalogue()):
        strings = message.string if isinstance(message.string, tuple) else (message.string,)

        assert all(strings), f"{MEND}: {message.id}"
        assert not message.fuzzy, f"{MEND}: {message.id}"


def test_plural_texts_have_the_three_forms_of_russian() -> None:
    plural = [message for message in texts(catalogue()) if message.pluralizable]

    assert plural
    assert {len(message.string) for message in plural} == {3}


def test_a_translation_keeps_the_placeholders_of_its_text() -> None:
    for message in texts(catalogue()):
        if isinstance(message.id, tuple):
            one, many = message.id
            for index, string in enumerate(message.string):
                assert fields(string) == fields(one if index == 0 else many), message.id
        else:
            assert fields(str(message.string)) == fields(message.id), message.id


def test_a_translation_keeps_the_spaces_around_its_text() -> None:
    for message in texts(catalogue()):
        if isinstance(message.id, str):
            string = str(message.string)

            assert string[:1].isspace() == message.id[:1].isspace(), message.id
            assert string[-1:].isspace() == message.id[-1:].isspace(), message.id


def test_a_translation_keeps_the_commands_that_its_text_names() -> None:
    command = re.compile(r"`(goalkeeper [a-z -]+?)(?: [A-Z'].*?)?`")
    for message in texts(catalogue()):
        if isinstance(message.id, str):
            assert command.findall(str(message.string)) == command.findall(message.id), message.id


def test_the_compiled_catalogue_is_the_written_one() -> None:
    with (LOCALE / "ru" / "LC_MESSAGES" / "goalkeeper.mo").open("rb") as file:
        compiled = read_mo(file)

    for message in texts(catalogue()):
        key = message.id[0] if isinstance(message.id, tuple) else message.id
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        found = compiled.get(key).string

        assert (tuple(found) if isinstance(found, list | tuple) else (found,)) == strings, MEND


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1 день"), (2, "2 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день")]
)
def test_it_counts_in_russian(n: int, text: str) -> None:
    with language("ru"):
        assert ngettext("{n} day", "{n} days", n).format(n=n) == text


def test_it_speaks_the_language_inside_the_block_only() -> None:
    with language("ru"):
        inside = gettext("Tickets")

    assert (inside, gettext("Tickets")) == ("Тикеты", "Tickets")


def test_an_unknown_language_is_english() -> None:
    with language("xx"):
        assert gettext("Tickets") == "Tickets"


def test_no_text_hides_in_an_f_string_where_the_catalogue_cannot_see_it() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for package in {file.partition("/")[0] for file in extracted().values()}
        for path in (ROOT / package).rglob("*.py")
        for joined in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(joined, ast.JoinedStr)
        for call in ast.walk(joined)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS
        if call.args and isinstance(call.args[0], ast.Constant)
    ]

    assert not hidden, f"write the text before the f-string: {hidden}"
