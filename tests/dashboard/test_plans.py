"""No page walks through a large table: what it asks is found by an index."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import streamlit as st

from tests.conftest import BOTH, fresh
from tests.dashboard.made import Made, made
from tests.dashboard.test_pages import PAGES, opened

LARGE = ("metric", "profile", "window", "alert_change", "outbox")
SEQUENTIAL = re.compile(r"Seq Scan on (\w+)")


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Made:
    return made(tmp_path_factory.mktemp("plans"), url=fresh(postgres_server))


@pytest.fixture
def asked() -> Iterator[list[tuple[str, Any]]]:
    """Every question that is put to a store meanwhile."""
    heard: list[tuple[str, Any]] = []

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            heard.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    yield heard
    sa.event.remove(sa.Engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("first", PAGES)
def test_no_page_walks_through_a_large_table(
    request: pytest.FixtureRequest, asked: list[tuple[str, Any]], first: str, kind: str
) -> None:
    own: Made = request.getfixturevalue("filled" if kind == "sqlite" else "on_postgresql")
    asked.clear()
    st.cache_resource.clear()  # what is kept asks nothing
    opened(own.path, first, column="age", rule="business.conversion", **{"from": "2026-02-03"})
    assert asked
    engine = sa.create_engine(own.project().store.reveal())
    with engine.connect() as connection:
        for statement, parameters in {repr(one): one for one in asked}.values():
            walked = sorted({*_walked(connection, statement, parameters)} & {*LARGE})
            assert not walked, (walked, statement)
    engine.dispose()


def _walked(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """Return the tables that are read from end to end.

    PostgreSQL reads a small table so whatever indexes it has; told not to, it does so only without one.
    """
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        steps = [row[3].split(" USING ")[0] for row in plan]
        return [step.removeprefix("SCAN ") for step in steps if step.startswith("SCAN ")]
    connection.exec_driver_sql("SET enable_seqscan = off")
    plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
    return SEQUENTIAL.findall("\n".join(row[0] for row in plan))


@pytest.mark.parametrize("kind", BOTH)
def test_a_question_without_an_index_is_noticed(request: pytest.FixtureRequest, kind: str) -> None:
    own: Made = request.getfixturevalue("filled" if kind == "sqlite" else "on_postgresql")
    engine = sa.create_engine(own.project().store.reveal())
    with engine.connect() as connection:
        assert _walked(connection, "SELECT model FROM metric WHERE n = 3", ()) == ["metric"]
    engine.dispose()
