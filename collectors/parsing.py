"""Read the pieces of SQL that people write into goalkeeper.yaml."""

from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from core.errors import SourceError
from core.text import gettext as _


def parse_expression(key: str, text: str, dialect: str) -> exp.Expression:
    """Read an SQL expression or condition.

    Raises:
        SourceError: it is none; `key` says where it stands.
    """
    tree = _parsed(key, text, dialect)
    if isinstance(tree, exp.Query | exp.Command | exp.DDL | exp.DML):
        raise SourceError(_("{key}: this is not an SQL expression: {text}").format(key=key, text=text))
    return tree


def parse_query(key: str, text: str, dialect: str) -> exp.Expression:
    """Read a SELECT.

    Raises:
        SourceError: it is none; `key` says where it stands.
    """
    tree = _parsed(key, text, dialect)
    if not isinstance(tree, exp.Query):
        raise SourceError(
            _("{key}: this is not a SELECT: {text}").format(key=key, text=text),
            hint=_("Nothing else runs on a source."),
        )
    return cast(exp.Expression, tree)


def star(source: exp.Expression, where: exp.Expression | None = None) -> exp.Select:
    """Write SELECT * FROM …."""
    made = exp.Select(expressions=[exp.Star()])
    made.set("from_", exp.From(this=source))
    if where is not None:
        made.set("where", exp.Where(this=where))
    return made


def _parsed(key: str, text: str, dialect: str) -> exp.Expression:
    try:
        return cast(exp.Expression, sqlglot.parse_one(text, dialect=dialect))
    except SqlglotError as error:
        raise SourceError(
            _("{key}: this SQL cannot be read: {text}").format(key=key, text=text),
            hint=str(error).partition("\n")[0],
        ) from error
