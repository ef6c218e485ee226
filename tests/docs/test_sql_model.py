"""A model that is SQL: the page's statements and configuration run on PostgreSQL, and no row leaves it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.metrics import log_loss, roc_auc_score

from collectors.engines import SqlEngine
from core.config import load
from goalkeeper.jobs.passes import run_pass
from reports.query import Query
from store.database import Store
from tests.docs.test_pages import DOCS, yaml_of

START, DAYS, A_DAY = datetime(2026, 3, 2, tzinfo=UTC), 12, 400
NOW = START + timedelta(days=DAYS, hours=6)


def filled(url: str, a_day: int) -> pd.DataFrame:
    """Run the page's statements and put customers and outcomes into its tables; return them joined."""
    (statements,) = re.findall(r"```sql\n(.*?)```", (DOCS / "sql-model.md").read_text(), re.S)
    rng, n = np.random.default_rng(5), DAYS * a_day
    seconds = np.repeat(np.arange(DAYS), a_day) * 86_400 + rng.integers(0, 86_300, n)
    rows = pd.DataFrame(
        {
            "call_id": [f"c{i:06d}" for i in range(n)],
            "called_at": pd.Timestamp(START) + pd.to_timedelta(seconds, "s"),
            "age": rng.integers(18, 80, n), "calls": rng.poisson(2, n),
            "plan": rng.choice(["basic", "pro"], n),
        }
    )  # fmt: skip
    logit = -2 + 0.04 * (rows["age"] - 40) + 0.3 * rows["calls"] + 0.8 * (rows["plan"] == "pro")
    rows["score"] = 1 / (1 + np.exp(-logit))
    rows["converted"] = rng.uniform(size=n) < rows["score"]
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS scoring CASCADE; {statements}")
        own = ["call_id", "called_at", "age", "calls", "plan"]
        rows[own].to_sql("customer_days", connection, schema="scoring", index=False, if_exists="append")
        truth = rows.assign(closed_at=rows["called_at"] + pd.Timedelta(hours=5))
        truth[["call_id", "closed_at", "converted"]].to_sql(
            "outcomes", connection, schema="scoring", index=False, if_exists="append"
        )
    engine.dispose()
    return rows


def collected(folder: Path, url: str, patch: pytest.MonkeyPatch) -> tuple[Query, int]:
    """Run a pass with the page's configuration; return its values and how many cells came back."""
    (body,) = yaml_of(DOCS / "sql-model.md")
    folder.mkdir()
    (folder / "goalkeeper.yaml").write_text(f"store: sqlite:///gk.db\n{body}")
    patch.setenv("DWH_URL", url)
    came = 0
    rows, stream = SqlEngine.rows, SqlEngine.stream

    def counted_rows(engine: SqlEngine, text: str) -> Any:
        nonlocal came
        names, found = rows(engine, text)
        came += len(found) * len(names)
        return names, found

    def counted_stream(engine: SqlEngine, *asked: Any) -> Any:
        nonlocal came
        for part in stream(engine, *asked):
            came += part.num_rows * part.num_columns
            yield part

    patch.setattr(SqlEngine, "rows", counted_rows)
    patch.setattr(SqlEngine, "stream", counted_stream)
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    result = run_pass(project=project, store=store, now=NOW, models=["churn"], deliver=False)
    assert not result.failed, result
    return Query(store=store, project=project), came


def test_the_page_runs_and_its_numbers_are_those_of_the_raw_rows(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = filled(postgres_url, 300)
    query, _came = collected(tmp_path / "small", postgres_url, monkeypatch)
    asked = {"since": START, "until": START + timedelta(days=DAYS - 3), "now": NOW}
    for name, expected in (
        ("performance.roc_auc", roc_auc_score), ("performance.log_loss", log_loss),
        ("business.conversion", lambda y, _p: y.mean()), ("service.requests", lambda y, _p: len(y)),
    ):  # fmt: skip
        points = query.series("churn", name, **asked)
        assert len(points) == DAYS - 3
        for point in points:
            day = rows[(rows["called_at"] >= point.window.start) & (rows["called_at"] < point.window.end)]
            assert point.value.value == pytest.approx(expected(day["converted"], day["score"]), abs=2e-3)
    query.store.close()


def test_what_comes_back_grows_far_less_than_the_rows(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(postgres_url, A_DAY)
    came = []
    for times in (1, 10):
        if times > 1:
            multiplied(postgres_url, times)
        with monkeypatch.context() as patch:
            query, cells = collected(tmp_path / str(times), postgres_url, patch)
        query.store.close()
        came.append(cells)
    assert came[1] < 2.5 * came[0]  # of ten times the rows: bins fill up
    assert came[1] < 10 * A_DAY * DAYS * 7  # fewer than the values that lie there


def multiplied(url: str, times: int) -> None:
    """Have every customer and outcome so many times, some seconds apart."""
    copies = f"generate_series(1, {times - 1}) AS k"
    own = "call_id || '-' || k"
    later = "+ k * interval '1 second'"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO scoring.customer_days SELECT {own}, called_at {later}, age, calls, plan"
            f" FROM scoring.customer_days, {copies}"
        )
        connection.exec_driver_sql(
            f"INSERT INTO scoring.outcomes SELECT {own}, closed_at {later}, converted"
            f" FROM scoring.outcomes, {copies}"
        )
    engine.dispose()
