"""MariaDB and MySQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import CLOCK, DAY_US, OFFSET, WHEN, SqlDialect, clock_less_zone, epoch, matches
from collectors.expressions import both, call, cast, either, not_null, null, raw, string, whole
from collectors.sources.base import ColumnInfo, Kind

_COLLATION = "/*M! utf8mb4_nopad_bin *//*!80000 utf8mb4_0900_bin */"
"""Compares letter by letter, spaces at the end too; each of the two servers reads its own name for that."""
_LONGEST = 200
"""Characters of a TEXT that are kept, and beyond them its hash: joins without keys compare all with all."""
_NUMBER = r"^\s*[-+]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,%d})?)\s*$"
_NAN = r"^\s*[-+]?[nN][aA][nN]\s*$"
_CLOCK = rf"^[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}([T ]{CLOCK})?"
_TYPES = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 15: "varchar", 16: "bit", 245: "json",
    246: "decimal", 247: "enum", 248: "set", 249: "text", 250: "text", 251: "text", 252: "text",
    253: "varchar", 254: "char",
}  # fmt: skip
"""The protocol's numbers of types."""
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "numeric"),
    **dict.fromkeys(("decimal", "float", "double"), "numeric"),
    **dict.fromkeys(("varchar", "char", "text", "enum", "set"), "categorical"),
    **dict.fromkeys(("timestamp", "datetime", "date"), "time"),
    "boolean": "boolean",
}


class MySql(SqlDialect):
    """MariaDB 10.6 and MySQL 8 and later.

    They hold neither NaN nor infinities: a text 'inf' cannot be read there. TINYINT(1) is true or false,
    TIMESTAMP names its zone, DATETIME does not. Texts are compared by their letters whatever collation
    their columns have: 'Nord', 'nord' and 'nord ' are three.
    """

    name = "mysql"
    double = "DOUBLE"
    text_type = "CHAR"
    pattern = _NUMBER % 2
    loose_pattern = _NUMBER % 3
    address = "mysql+pymysql://user:password@host/database"
    extra = "mysql"
    session = (
        f"SET NAMES utf8mb4 COLLATE {_COLLATION}",
        "SET SESSION time_zone = '+00:00', sql_mode = ''",  # '' quotes texts only, \ escapes, 1/0 is NULL
        "SET SESSION TRANSACTION READ ONLY",
    )

    def render(self, query: exp.Expression) -> str:
        """Write a statement; some things have names of their own here."""
        return super().render(query.transform(_spelled))

    def text(self, value: exp.Expression, column: ColumnInfo | None = None) -> exp.Expression:
        """Read a text to be compared by its letters; a TEXT as one that can be a key."""
        kind = "CHAR CHARACTER SET utf8mb4"
        if column is not None and column.type == "text":
            long = exp.GT(this=call("char_length", value.copy()), expression=whole(_LONGEST))
            short = call("left", value.copy(), whole(_LONGEST - 32))
            value = either([(long, call("concat", short, call("md5", value.copy())))], value)
            kind = f"CHAR({_LONGEST}) CHARACTER SET utf8mb4"
        read = exp.Collate(this=cast(value, kind), expression=raw(_COLLATION))
        if column is None or column.kind != "boolean":
            return read
        truths = [
            (exp.EQ(this=value.copy(), expression=whole(1)), string("true")),
            (exp.EQ(this=value.copy(), expression=whole(0)), string("false")),
        ]
        return either(truths, read)

    def natural(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read numbers as doubles: a DECIMAL is divided to four digits only."""
        return self.number(value, column) if column.kind == "numeric" else value

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Match the patterns; an infinity is none that could be held."""
        blank = exp.EQ(this=call("trim", text.copy()), expression=string(""))
        fits = [matches(text.copy(), pattern) for pattern in (self.pattern, _NAN)]
        return both(not_null(text), exp.Not(this=blank), *(exp.Not(this=one) for one in fits))

    def may_be_infinite(self, column: ColumnInfo) -> bool:
        """Say no."""
        return False

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Return what is never NaN."""
        return value

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Return what is always finite."""
        return value

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; of a text its clock, less the zone it names."""
        if column.kind == "time":
            return _since_1970(value)
        if not column.is_text:
            return epoch(cast(value, self.double), "bigint")
        text = self.text(value)
        wall = _since_1970(cast(call("regexp_substr", call("trim", text), string(_CLOCK)), "DATETIME(6)"))
        zone = call("regexp_substr", text.copy(), string(OFFSET))
        zoned = clock_less_zone(wall, zone, "bigint")
        fits = matches(text.copy(), WHEN)
        return either(
            [(both(fits, self.has_offset(value.copy())), zoned), (fits.copy(), wall.copy())], null()
        )

    def joined(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join texts; `||` may be OR."""
        parts = [texts[0]]
        for text in texts[1:]:
            parts += [string("\x01"), text]
        return call("concat", *parts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        md5 = call("md5", self.joined_all(texts))
        first = call("conv", call("left", md5, whole(8)), whole(16), whole(10))
        bits = exp.BitwiseAnd(this=cast(first, "UNSIGNED"), expression=whole(2**31 - 1))
        return exp.Paren(this=bits)

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp; the session speaks UTC."""
        if column.kind != "time":
            return None
        return raw(f"TIMESTAMP '{moment.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')}'")

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Divide whole numbers."""
        return exp.IntDiv(this=micros, expression=whole(DAY_US))

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Look the type's number up; a TINYINT of one digit is a truth."""
        kind = _TYPES.get(int(entry[1]), "unknown")
        if kind == "tinyint" and entry[3] == 1:
            kind = "boolean"
        meaning = _KINDS.get(kind, "other")
        return ColumnInfo(
            name=str(entry[0]), type=kind, kind=meaning, is_text=meaning == "categorical",
            aware=kind == "timestamp", may_be_nan=False,
        )  # fmt: skip


def _spelled(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.RegexpLike):  # MariaDB has no REGEXP_LIKE
        return exp.GT(this=call("regexp_instr", node.this, node.expression), expression=whole(0))
    if isinstance(node, exp.Cast) and node.to.args.get("kind") == "bigint":
        return cast(node.this, "SIGNED")
    if isinstance(node, exp.Anonymous) and node.name == "length":  # of bytes
        return call("char_length", *node.expressions)
    return node


def _since_1970(value: exp.Expression) -> exp.Expression:
    return call("timestampdiff", raw("MICROSECOND"), raw("TIMESTAMP '1970-01-01 00:00:00'"), value)
