"""Engines that no test here runs: what a pass asks is written, read again, and calls what exists there.

That sqlglot reads a statement proves little about the engine, so each function and type is looked up in a
list copied from the engine's manual; what nothing here can show is that the counts are the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
import sqlglot
from sqlglot import TokenType, exp

import collectors.engines
from collectors.dialects import FAMILIES
from collectors.engines import Engines, SqlEngine
from collectors.zones import micros
from core.errors import SourceError
from tests.collectors.house import House
from tests.collectors.odd import BERLIN, odd_body, odd_log, odd_truth

LATER = datetime(2026, 4, 5, tzinfo=UTC)
DAYS = range(20539, 20543)  # since 1970: the 27th of March and the days after it
COMMON = {"ABS", "AVG", "CAST", "CEIL", "COALESCE", "COUNT", "LENGTH", "LN", "LOWER", "MAX", "MIN", "NTILE",
          "NULLIF", "ROUND", "ROW_NUMBER", "SUBSTR", "SUM", "TRIM"}  # fmt: skip
FUNCTIONS = {
    # https://trino.io/docs/current/functions/list.html
    "trino": {"BITWISE_AND", "FROM_BIG_ENDIAN_64", "INFINITY", "IS_FINITE", "IS_NAN", "REGEXP_EXTRACT",
              "REGEXP_LIKE", "REPLACE", "TO_UNIXTIME", "TO_UTF8", "TRY_CAST", "WITH_TIMEZONE", "XXHASH64"},
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
    "bigquery": {"DIV", "FARM_FINGERPRINT", "IS_INF", "IS_NAN", "REGEXP_CONTAINS", "SAFE_CAST",
                 "UNIX_MICROS"},
    # https://docs.snowflake.com/en/sql-reference/functions-all
    "snowflake": {"DATE_PART", "MD5_NUMBER_LOWER64", "MOD", "REGEXP_LIKE", "TRY_TO_DOUBLE",
                  "TRY_TO_TIMESTAMP_TZ"},
}  # fmt: skip
TYPES = {
    "trino": {"BIGINT", "DOUBLE", "VARCHAR", "TIMESTAMP(6)", "TIMESTAMP(6) WITH TIME ZONE"},
    "bigquery": {"INT64", "FLOAT64", "STRING", "TIMESTAMP", "DATETIME"},
    "snowflake": {"BIGINT", "DOUBLE", "INT", "VARCHAR", "TIMESTAMPNTZ", "TIMESTAMPTZ"},
}
"""As sqlglot writes them when it has read them."""
WORDS = {"ALL", "AND", "AS", "BY", "ELSE", "FROM", "IN", "NOT", "ON", "OR", "OVER", "SELECT", "THEN", "UNION",
         "TIMESTAMP", "WHEN", "WHERE"}  # fmt: skip
"""What stands before a bracket and is no function."""
MOST = 1_000_000
"""Characters that a statement may have in Trino, bytes in Snowflake and BigQuery."""
ADDRESSES = {"trino": "trino://me@host:8080/lake/logs", "bigquery": "bigquery://project/logs",
             "snowflake": "snowflake://me:secret@account/lake/logs"}  # fmt: skip
CODES: dict[str, dict[str, Any]] = {
    "trino": {"string": "varchar", "double": "double", "int64": "bigint", "bool": "boolean",
              "timestamp[us]": "timestamp(6)", "timestamp[us, tz=UTC]": "timestamp(6) with time zone"},
    "bigquery": {"string": "STRING", "double": "FLOAT", "int64": "INTEGER", "bool": "BOOLEAN",
                 "timestamp[us]": "DATETIME", "timestamp[us, tz=UTC]": "TIMESTAMP"},
    "snowflake": {"string": 2, "double": 1, "int64": 0, "bool": 13, "timestamp[us]": 8,
                  "timestamp[us, tz=UTC]": 7},
}  # fmt: skip
"""What the drivers say of a column's type."""


class Rendered(SqlEngine):
    """Writes statements down and makes answers up: four days with rows, of which nothing is counted."""

    tables: dict[str, pa.Schema]
    told: list[str]

    def __init__(self, url: str, **_more: Any) -> None:
        self._explain = None
        family = sa.make_url(url).get_backend_name()
        self.dialect, self.key, self.shown = FAMILIES[family](), url, family
        self.family = family
        self.engine: Any = SimpleNamespace(connect=self._connection, dispose=lambda: None)

    def fetch(self, query: exp.Expression) -> pa.Table:
        self.told.append(self.dialect.render(query))
        names = columns_of(query)
        if names[0] == "day":
            starts = [day * 86_400_000_000 for day in DAYS]
            made = {"day": list(DAYS), "n": [9] * 4, "first": starts, "last": starts, "sum": ["1"] * 4}
            return pa.table(made)
        if names == ["x"]:
            many = not any(
                "NTILE" in text for text in self.told
            )  # one column is cut, the others hold few values
            return pa.table({"x": [float(i) for i in range(500 if many else 3)]})
        if names == ["q", "a", "b"]:
            return pa.table({"q": [1], "a": [0.0], "b": [1.0]})
        if query.args.get("group") is None and set(names) <= {"n", "d"}:
            return pa.table({one: [int(one == "n")] for one in names})
        return pa.table({one: pa.nulls(0) for one in names})

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        def run(text: str) -> Any:
            self.told.append(text)
            table = sqlglot.parse_one(text, dialect=self.dialect.name).find(exp.Table)
            assert table is not None
            codes = CODES[self.family]
            described = [(one.name, codes[str(one.type)]) for one in self.tables[table.name]]
            return SimpleNamespace(cursor=SimpleNamespace(description=described))

        plain = SimpleNamespace(exec_driver_sql=run)
        yield SimpleNamespace(execution_options=lambda **_options: plain)


def columns_of(query: exp.Expression) -> list[str]:
    """Return the names of a statement's columns."""
    while isinstance(query, exp.Union):
        query = query.this
    if [type(one) for one in query.expressions] == [exp.Star]:
        inner = query.args["from_"].this
        return columns_of(inner.this)
    return [one.alias_or_name for one in query.expressions]


@pytest.fixture(params=sorted(ADDRESSES), scope="module")
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["times", pytest.param("texts", marks=pytest.mark.slow)], scope="module")
def told(request: pytest.FixtureRequest, family: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return every statement of a pass over the odd log; its times name their zone, the truth's do not."""
    log = odd_log(zoned=True, a_day=5)
    schemas = {"Log": log.schema, "Truth": odd_truth(log, zoned=False).schema}
    if request.param == "texts":
        schemas["Log"] = log.schema.set(1, pa.field("calledAt", pa.string()))
    place = {"kind": "sql", "url": ADDRESSES[family]}
    log_source, truth_source = {**place, "table": "Log"}, {**place, "table": "Truth"}
    house = House(folder=tmp_path_factory.mktemp("rendered"))
    house.body = odd_body(log_source, truth_source, log_source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rendered, "tables", schemas, raising=False)
        patch.setattr(Rendered, "told", [], raising=False)
        patch.setattr(collectors.engines, "SqlEngine", Rendered)
        assert not house.collect(LATER).error
        assert len(house.windows()) == 4
        house.close()
        return Rendered.told


def test_every_statement_is_read_again_and_calls_what_exists(told: list[str], family: str) -> None:
    name = FAMILIES[family].name
    assert len(told) > 20
    assert max(len(text) for text in told) < MOST
    assert any("ROW_NUMBER" in text for text in told) and any("NTILE" in text.upper() for text in told)
    for text in told:
        tree = sqlglot.parse_one(text, dialect=name)
        assert isinstance(tree, exp.Query)
        assert called(text, name) <= COMMON | FUNCTIONS[family], text
        types = {cast.to.sql(name) for cast in tree.find_all(exp.Cast)}
        assert types <= TYPES[family], text


def called(text: str, dialect: str) -> set[str]:
    """Return the functions that a statement calls."""
    tokens = sqlglot.tokenize(text, read=dialect)
    names = (TokenType.IDENTIFIER, TokenType.STRING)
    return {
        one.text.upper()
        for one, after in pairwise(tokens)
        if after.token_type is TokenType.L_PAREN and one.text[:1].isalpha() and one.token_type not in names
    } - WORDS


def test_bounds_of_windows_are_written_in_utc(told: list[str]) -> None:
    midnight = datetime(2026, 3, 29, tzinfo=BERLIN)
    assert any(str(micros(midnight)) in text for text in told)


def test_a_driver_that_is_missing_is_named(family: str) -> None:
    try:
        sa.make_url(ADDRESSES[family]).get_dialect()
    except sa.exc.NoSuchModuleError:
        pass
    else:
        pytest.skip(f"left out: the driver of {family} is installed here")
    with pytest.raises(SourceError) as missing:
        Engines().at(ADDRESSES[family])
    assert missing.value.message.startswith(f"The driver of {family}://")
    assert missing.value.hint == f"pip install 'goalkeeper[{family}]'"
    assert "secret" not in missing.value.message
