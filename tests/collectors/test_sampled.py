"""Of a log that holds every error and few successes, requests, errors and KPIs are those of all requests."""

import math
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlglot import exp

from collectors.building import is_error
from collectors.engines import Engines
from collectors.expressions import either, name, select, string, whole, within
from collectors.statement import failed
from core.profile import Profile, merge_all
from metrics.base import KpiFacts, Subject
from metrics.examples import served
from metrics.intervals import weighted, wilson
from metrics.registry import all_metrics
from tests.collectors.house import House

START, N = pd.Timestamp("2026-03-02", tz="UTC"), 40_000
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def asked(seed: int = 5) -> pd.DataFrame:
    """Return all requests of two days; who pays is called more often, and is logged more often."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, N)
    failed = rng.uniform(size=N) < 0.02
    share = np.where(failed, 1.0, np.where(p > 0.3, 0.5, 0.04))
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(N)],
            "at": START + pd.to_timedelta(rng.integers(0, 2 * 86_400, N), unit="s"),
            "p": p, "status": np.where(failed, "error", np.where(rng.uniform(size=N) < 0.5, " OK ", "200")),
            "share": share, "logged": rng.uniform(size=N) < share,
            "y": rng.uniform(size=N) < p, "paid": rng.exponential(30, N).round(2),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return asked()


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, rows: pd.DataFrame) -> Profile:
    """Count the logged rows; log and truth lie apart, so that the share has to travel."""
    folder = tmp_path_factory.mktemp("sampled")
    log = rows[rows["logged"]]
    log.drop(columns=["logged", "y", "paid"]).to_parquet(folder / "log.parquet", index=False)
    truth = rows[["id", "y", "paid"]].assign(known_at=rows["at"] + pd.Timedelta(hours=2))
    truth.to_parquet(folder / "truth.parquet", index=False)
    house = House(
        folder=folder,
        body={
            "predictions": {
                "path": "log.parquet",
                "columns": {"id": "id", "time": "at", "score": "p", "status": "status", "sampled": "share"},
            },
            "ground_truth": {
                "path": "truth.parquet", "maturity": "1d",
                "columns": {"id": "id", "time": "known_at", "label": "y"},
            },
            "kpis": {
                "conversion": {"numerator": "y"},
                "basket": {"numerator": "CASE WHEN y THEN paid ELSE 0 END", "denominator": "y"},
                "worth": {"numerator": "y", "value": {"amount": 20, "currency": "EUR"}},
            },
        },
        more={"timezone": "UTC"},
    )  # fmt: skip
    house.collect(now=NOW)
    cells = [profile for key, profile in house.cells().items() if not key.segment]
    return merge_all(cells, grid_set=cells[0].grid_set)


def value(counted: Profile, metric: str, kpi: str = "", amount: float | None = None) -> Any:
    facts = KpiFacts(name=kpi, amount=amount) if kpi else None
    return all_metrics()[metric].compute(Subject(profile=counted, grids=served().grids, kpi=facts))


def test_requests_and_errors_are_those_of_all_requests(counted: Profile, rows: pd.DataFrame) -> None:
    log = rows[rows["logged"]]
    w, failed = 1 / log["share"].to_numpy(), (log["status"] == "error").to_numpy()

    requests, errors = value(counted, "service.requests"), value(counted, "service.error_share")

    assert (requests.n, requests.value) == (len(log), pytest.approx(w.sum()))
    assert requests.lower < N < requests.upper
    assert errors.value == pytest.approx((w * failed).sum() / w.sum())
    assert errors.n == len(log) and failed.mean() > 0.1 > errors.upper
    assert errors.lower < (rows["status"] == "error").mean() < errors.upper
    assert value(counted, "service.captured").value == pytest.approx(len(log) / w.sum())


def test_a_kpi_is_that_of_all_requests_and_its_interval_knows_the_weights(
    counted: Profile, rows: pd.DataFrame
) -> None:
    log = rows[rows["logged"]]
    w, y, paid = 1 / log["share"].to_numpy(), log["y"].to_numpy(), log["paid"].to_numpy()

    conversion, basket = (value(counted, "business.ratio", kpi) for kpi in ("conversion", "basket"))

    p = (w * y).sum() / w.sum()
    effective = p * (1 - p) * w.sum() ** 2 / (w**2 * (y - p) ** 2).sum()
    limits = wilson(p * effective, effective)
    assert conversion.value == pytest.approx(p) and conversion.n == len(log)
    assert (conversion.lower, conversion.upper) == pytest.approx((limits.lower, limits.upper))
    assert conversion.lower < rows["y"].mean() < conversion.upper < y.mean(), "the logged rows alone mislead"
    mean = (w * y * paid).sum() / (w * y).sum()
    error = np.sqrt((w**2 * y * (paid - mean) ** 2).sum() * len(log) / (len(log) - 1)) / (w * y).sum()
    assert basket.value == pytest.approx(mean)
    assert (basket.upper - basket.lower) / 2 == pytest.approx(1.96 * error, rel=1e-3)
    assert basket.lower < rows.loc[rows["y"], "paid"].mean() < basket.upper
    worth = value(counted, "business.value_per_prediction", "worth", 20.0)
    assert worth.value == pytest.approx(20 * p) and worth.lower is None


def test_equal_shares_change_no_interval_and_nothing_seen_is_not_certain() -> None:
    plain, double = wilson(7, 400), weighted(14, 800, (28, 1600))
    assert (double.lower, double.upper) == pytest.approx((plain.lower, plain.upper))
    none = weighted(0, 800, (0, 1600))
    assert (none.lower, none.upper) == pytest.approx((0, wilson(0, 400).upper))


def test_the_interval_holds_what_it_promises() -> None:
    held, rng = 0, np.random.default_rng(11)
    for _turn in range(600):
        y = rng.uniform(size=3000) < 0.06
        share = np.where(rng.uniform(size=3000) < np.where(y, 0.6, 0.1), 0.8, 0.1)
        taken = rng.uniform(size=3000) < share
        w, seen = 1 / share[taken], y[taken]
        limits = weighted(
            float((w * seen).sum()), float(w.sum()), (float((w**2 * seen).sum()), float((w**2).sum()))
        )
        held += limits.lower <= 0.06 <= limits.upper
    assert held / 600 > 0.92


STATUSES = [
    "200", "404", "499.9", "500", "503", " 500 ", "5e2", "1e5", "nan", "inf", "-inf", "1_000", "", " ", "ok",
    " OK ", "Success", "unanswered", "ok\n", "timeout", "None", "0x1F4", "五百", "+500", "true",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgresql"])
def test_an_engine_and_we_ourselves_know_the_same_errors(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/x.db" if kind == "sqlite" else ""
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engines = Engines()
    engine = engines.at(url) if url else engines.duck()
    each = [exp.select(exp.alias_(string(text), "st", quoted=True)) for text in STATUSES]
    rows = reduce(lambda one, more: exp.Union(this=one, expression=more, distinct=False), each)
    asked = select(
        [(name("st"), "st"), (either([(failed(engine.dialect), whole(1))], whole(0)), "er")],
        within(rows, "rows"),
    )
    found = {row["st"]: bool(row["er"]) for row in engine.fetch(asked).to_pylist()}
    engines.close()

    assert found == {text: is_error(text) for text in STATUSES}


@pytest.mark.parametrize("share", [0.0, -1.0, 50.0, math.inf, math.nan, 1e-320])
def test_what_is_no_share_counts_as_one(tmp_path: Path, share: float) -> None:
    rows = asked().head(2000)
    rows.assign(share=share).drop(columns=["logged", "paid"]).to_parquet(
        tmp_path / "log.parquet", index=False
    )
    columns = {"id": "id", "time": "at", "score": "p", "status": "status", "sampled": "share"}
    house = House(
        folder=tmp_path,
        body={
            "predictions": {"path": "log.parquet", "columns": columns},
            "ground_truth": {"in": "predictions", "columns": {"label": "y"}},
            "kpis": {"conversion": {"numerator": "y"}},
        },
        more={"timezone": "UTC"},
    )
    house.collect(now=NOW)
    cells = [profile for key, profile in house.cells().items() if not key.segment]
    counted = merge_all(cells, grid_set=cells[0].grid_set)

    assert value(counted, "service.requests").value == 2000
    assert value(counted, "business.ratio", "conversion").value == pytest.approx(rows["y"].mean())
    assert value(counted, "service.error_share").value == pytest.approx((rows["status"] == "error").mean())
    house.close()
