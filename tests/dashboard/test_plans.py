"""No page walks through a large table: what it asks is found by an index."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import streamlit as st

from tests.dashboard.made import Made
from tests.dashboard.test_pages import PAGES, opened

LARGE = ("metric", "profile", "window", "alert_change", "outbox")


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


@pytest.mark.parametrize("first", PAGES)
def test_no_page_walks_through_a_large_table(filled: Made, asked: list[tuple[str, Any]], first: str) -> None:
    st.cache_resource.clear()  # what is kept asks nothing
    opened(filled.path, first, column="age", rule="business.conversion", **{"from": "2026-02-03"})
    assert asked
    engine = sa.create_engine(filled.project().store.reveal())
    with engine.connect() as connection:
        for statement, parameters in dict.fromkeys((text, tuple(values)) for text, values in asked):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            walked = [row[3] for row in plan if row[3].split(" USING ")[0] in {f"SCAN {t}" for t in LARGE}]
            assert not walked, (walked, statement)
    engine.dispose()
