"""The crisis of 2008 in real calls: inputs drift, conversion rises far beyond what the model expects."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.config import Project, load
from goalkeeper.jobs.passes import run_pass
from store import alerts, outbox, tickets
from store.database import Store
from store.tables import AlertRow, TicketRow

DATA = Path(__file__).parents[3] / "shared" / "data" / "bank_additional.parquet"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PASSES = (
    "2008-09-05", "2008-12-05", "2009-04-07", "2009-04-12", "2009-04-17", "2009-04-29", "2009-05-02",
    "2009-06-05", "2010-01-05", "2010-12-05",
)  # fmt: skip
"""Mornings on which a pass runs; more of them in the month in which it happens."""
TRAINED = ("2008-05", "2008-06", "2008-07")
MACRO = ("emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed")
NUMERIC = ("age", "campaign", "pdays", "previous", *MACRO)
CATEGORICAL = (
    "job", "marital", "education", "default", "housing", "loan", "contact", "poutcome", "day_of_week",
)  # fmt: skip
MODEL = "term-deposit"
CONFIG = f"""\
channels: {{owners: {{kind: file, to: sales@example.com}}}}
models:
  {MODEL}:
    notify: owners
    predictions:
      path: logs/predictions/*.parquet
      columns: {{id: call_id, time: called_at, version: version, score: p_deposit}}
    ground_truth:
      path: logs/outcomes/*.parquet
      columns: {{id: call_id, time: known_at, label: deposit}}
      maturity: 3d
    reference: {{path: reference.parquet}}
    lookback: 45d
    kpis: {{conversion: {{title: Conversion, numerator: deposit, unit: percent}}}}
    goals: [{{kpi: conversion, baseline: 0.04, target: 0.08, since: 2008-08-01, by: 2011-03-31}}]
    rules:
      # A month's calls are spread evenly over its days, and some months have none: volume tells nothing.
      service.freshness: {{mute: true}}
      quality.rows: {{mute: true}}
"""

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not in ../shared/data")


def dated_calls() -> pd.DataFrame:
    """Return the calls with a time: the year follows from the order, a month's calls fill its days evenly."""
    calls = pd.read_parquet(DATA).drop(columns="duration")
    month = calls["month"].map({name: number for number, name in enumerate(MONTHS, start=1)})
    year = 2008 + (month.diff() < 0).cumsum()
    block = (month.diff().fillna(0) != 0).cumsum()
    place = (calls.groupby(block).cumcount() + 0.5) / calls.groupby(block)["age"].transform("size")
    days = np.array([monthrange(y, m)[1] for y, m in zip(year, month, strict=True)])
    first = pd.to_datetime({"year": year, "month": month, "day": 1}, utc=True)
    at = first + pd.to_timedelta((place * days * 86_400).round(), unit="s")
    assert at.is_monotonic_increasing
    return calls.assign(
        call_id=[f"call-{n}" for n in range(len(calls))],
        called_at=at,
        known_at=at + timedelta(hours=30),
        month=at.dt.strftime("%Y-%m"),
        deposit=(calls["y"] == "yes").astype("int64"),
        version="2008",
    )


def scores_of(calls: pd.DataFrame) -> np.ndarray:
    """Return what trees fitted on the first months expect; beyond what they saw they say what they know."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    inputs = calls[[*NUMERIC, *CATEGORICAL]].astype(dict.fromkeys(CATEGORICAL, "category"))
    first = calls["month"].isin(TRAINED)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, learning_rate=0.05, categorical_features="from_dtype", random_state=1
    )
    model.fit(inputs[first], calls.loc[first, "deposit"])
    found: np.ndarray = model.predict_proba(inputs)[:, 1]
    return found


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Store]]:
    """Write what was logged and known by then, and run a pass, on each of the mornings."""
    folder = tmp_path_factory.mktemp("bank")
    calls = dated_calls()
    calls["p_deposit"] = scores_of(calls)
    log = ["call_id", "called_at", "version", "p_deposit", *NUMERIC, *CATEGORICAL]
    first = calls["month"].isin(TRAINED)
    calls.loc[first, [*log, "known_at", "deposit"]].to_parquet(folder / "reference.parquet", index=False)
    for name in ("predictions", "outcomes"):
        (folder / "logs" / name).mkdir(parents=True)
    (folder / "goalkeeper.yaml").write_text(CONFIG)
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    since = calls.loc[~first, "called_at"].min()
    for day in PASSES:
        now = datetime.fromisoformat(day).replace(tzinfo=UTC, hour=9)
        midnight = now.replace(hour=0)
        called = calls[~first & (calls["called_at"] >= since) & (calls["called_at"] < midnight)]
        known = calls[~first & (calls["known_at"] >= since) & (calls["known_at"] < midnight)]
        called[log].to_parquet(folder / "logs" / "predictions" / f"{day}.parquet", index=False)
        known[["call_id", "known_at", "deposit"]].to_parquet(
            folder / "logs" / "outcomes" / f"{day}.parquet", index=False
        )
        since = midnight
        result = run_pass(project=project, store=store, now=now, models=[MODEL])
        assert not result.failed, result.models
    yield project, store
    store.close()


def alerts_of(store: Store, rule: str) -> list[AlertRow]:
    with store.read() as session:
        return [row for row in alerts.alerts(session, model=MODEL) if row.rule == rule]


def tickets_of(store: Store) -> list[TicketRow]:
    with store.read() as session:
        return list(tickets.tickets(session, model=MODEL))


def test_the_crisis_shows_as_drift_of_the_economy(replayed: tuple[Project, Store]) -> None:
    drifted = {row.column for row in alerts_of(replayed[1], "drift.columns")}

    assert {"emp.var.rate", "nr.employed"} <= drifted


def test_the_rise_of_the_kpi_is_told_as_good_and_opens_no_ticket(replayed: tuple[Project, Store]) -> None:
    found = alerts_of(replayed[1], "business.conversion")

    assert found
    assert all(row.evidence["good"] for row in found)
    rules = {finding["rule"] for ticket in tickets_of(replayed[1]) for finding in ticket.evidence["findings"]}
    assert "business.conversion" not in rules


def test_a_ticket_says_that_realised_conversion_is_far_above_the_expected(
    replayed: tuple[Project, Store],
) -> None:
    found = [ticket for ticket in tickets_of(replayed[1]) if ticket.kind == "retrain"]

    assert {f"{ticket.opened_at:%Y-%m}" for ticket in found} <= {"2009-04", "2009-06"}
    said = {finding["rule"]: finding for ticket in found for finding in ticket.evidence["findings"]}
    assert said["performance.calibration"]["effect"] > 0.1
    assert set(said) == {"performance.calibration", "performance.primary", "performance.estimated"}


def test_a_level_that_the_first_months_did_not_know_is_told_as_a_matter_of_the_data(
    replayed: tuple[Project, Store],
) -> None:
    found = [ticket for ticket in tickets_of(replayed[1]) if ticket.kind == "fix_data"]

    assert [finding["column"] for ticket in found for finding in ticket.evidence["findings"]] == ["poutcome"]


def test_each_ticket_is_told_once(replayed: tuple[Project, Store]) -> None:
    with replayed[1].read() as session:
        opened = [row for row in outbox.messages(session) if row.kind == "opened"]

    assert len(opened) == len(tickets_of(replayed[1])) > 0
