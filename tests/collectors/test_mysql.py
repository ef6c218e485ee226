"""MariaDB: what its columns mean, what its sessions may do, and what it says where it cannot be read."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from collectors.engines import Engines, SqlEngine
from collectors.expressions import count, name, select, within
from collectors.parsing import star
from collectors.sources.base import Setting
from collectors.sources.sql import Options, Source
from core.errors import SourceError

ROWS = """
CREATE TABLE calls (
  id BIGINT UNSIGNED, at DATETIME(6), closed TIMESTAMP(3) NULL, day DATE, yes TINYINT(1), small TINYINT,
  price DECIMAL(12, 4), rate FLOAT, label ENUM('won', 'lost'), note TEXT, region VARCHAR(20)
) COLLATE utf8mb4_general_ci;
INSERT INTO calls VALUES
  (1, '2026-03-29 02:30:00.000001', '2026-03-29 00:30:00', '2026-03-29', 1, 5, 10.0001, 0.5,
   'won', 'a', 'Nord'),
  (2, NULL, NULL, NULL, 0, NULL, 3, NULL, 'lost', 'inf', 'nord'),
  (18446744073709551615, NULL, NULL, NULL, NULL, 1, 3, 0.25, NULL, '7', 'nord '),
  (4, NULL, NULL, NULL, 2, 1, NULL, NULL, NULL, 'nan', 'nörd')
"""


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    yield made
    made.close()


@pytest.fixture
def calls(mariadb_url: str) -> str:
    """Return the address of a database with one table."""
    engine = sa.create_engine(mariadb_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in ROWS.strip().split(";\n"):
            connection.exec_driver_sql(statement)
    return mariadb_url


def source(engines: Engines, url: str, **said: Any) -> Source:
    return Source(Setting(options=Options(url=url, **said), engines=engines, use="predictions", id="id"))


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_types_say_what_columns_mean(engines: Engines, calls: str, family: str) -> None:
    found = source(engines, calls.replace("mysql", family, 1), table="calls").columns()
    assert {info.name: (info.type, info.kind) for info in found} == {
        "id": ("bigint", "numeric"), "at": ("datetime", "time"), "closed": ("timestamp", "time"),
        "day": ("date", "time"), "yes": ("boolean", "boolean"), "small": ("tinyint", "numeric"),
        "price": ("decimal", "numeric"), "rate": ("float", "numeric"), "label": ("char", "categorical"),
        "note": ("text", "categorical"), "region": ("varchar", "categorical"),
    }  # fmt: skip
    assert {info.name for info in found if info.aware} == {"closed"}


def test_values_are_read_as_what_they_mean(engines: Engines, calls: str) -> None:
    here = source(engines, calls, table="calls")
    dialect = here.engine.dialect
    infos = {info.name: info for info in here.columns()}
    read = [(dialect.text(name(one), infos[one]), one) for one in ("id", "yes", "label", "region")]
    read += [
        (dialect.number(name(one), infos[one]), f"{one} number") for one in ("price", "rate", "note", "yes")
    ]
    read += [(dialect.micros(name(one), infos[one], None), f"{one} µs") for one in ("at", "closed", "day")]
    found = here.engine.fetch(select(read, here.relation())).to_pydict()
    assert found["id"] == ["1", "2", "18446744073709551615", "4"]
    assert found["yes"] == ["true", "false", None, "2"]
    assert found["yes number"] == [1, 0, None, 2]
    assert found["label"] == ["won", "lost", None, None]
    assert found["price number"] == [10.0001, 3, 3, None]
    assert found["note number"] == [None, None, 7, None]
    assert found["at µs"][0] == 1_774_751_400_000_001
    assert found["closed µs"][0] == 1_774_744_200_000_000
    assert found["day µs"][0] == 1_774_742_400_000_000


def test_levels_differ_by_case_accents_and_spaces(engines: Engines, calls: str) -> None:
    here = source(engines, calls, table="calls")
    texts = select([(here.engine.dialect.text(name("region")), "x")], here.relation())
    found = here.engine.fetch(select([(name("x"), "x"), (count(), "n")], within(texts, "texts"), group=1))
    assert set(found["x"].to_pylist()) == {"Nord", "nord", "nord ", "nörd"}


def test_a_text_that_is_infinite_does_not_fit(engines: Engines, calls: str) -> None:
    here = source(engines, calls, table="calls")
    odd = here.engine.dialect.no_number(here.engine.dialect.text(name("note")))
    found = here.engine.fetch(select([(name("note"), "note")], here.relation(), odd))
    assert sorted(found["note"].to_pylist()) == ["a", "inf"]  # 'nan' is missing, as elsewhere


def test_long_texts_stay_apart(engines: Engines, calls: str) -> None:
    query = "SELECT CAST(CONCAT(REPEAT('é', 500), note) AS CHAR) AS note FROM calls"
    here = source(engines, calls, query=query)
    texts = select([(here.engine.dialect.text(name("note"), here.column("note")), "x")], here.relation())
    found = here.engine.fetch(texts)["x"].to_pylist()
    assert here.column("note").type == "text"
    assert len(set(found)) == 4
    assert {len(one) for one in found} == {200}


def test_sessions_only_read(calls: str) -> None:
    engine = SqlEngine(calls)
    with pytest.raises(SourceError, match="READ ONLY transaction"):
        engine.rows("DELETE FROM calls")
    assert engine.rows("SELECT count(*) FROM calls")[1][0][0] == 4
    engine.close()


def test_conditions_and_queries_are_the_databases_own(engines: Engines, calls: str) -> None:
    query = "SELECT id, note FROM calls WHERE region REGEXP '^N' AND note <> \"it's\""
    assert source(engines, calls, query=query).engine.fetch(
        star(source(engines, calls, query=query).rows())
    ).num_rows == 4  # its collation does not tell N from n  # fmt: skip


def test_errors_say_what_is_there(engines: Engines, calls: str) -> None:
    with pytest.raises(SourceError) as missing:
        source(engines, calls, table="cals").columns()
    assert "there is no table 'cals'" in missing.value.message
    assert missing.value.hint == "Did you mean calls? There are: calls."


def test_a_missing_driver_is_named(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    with pytest.raises(SourceError) as missing:
        engines.at("mysql+pymysql://me:the-secret@host/db")
    assert missing.value.message.startswith("The driver of mysql+pymysql://me:***@host/db is not installed")
    assert missing.value.hint == "pip install 'goalkeeper[mysql]'"


def test_an_unknown_database_is_refused_with_those_that_are_known(engines: Engines) -> None:
    with pytest.raises(SourceError, match="does not know the database 'oracle'") as unknown:
        engines.at("oracle://me@host/db")
    assert unknown.value.hint == "Known: bigquery, mariadb, mysql, postgresql, snowflake, sqlite, trino."
