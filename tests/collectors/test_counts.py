"""Every kind of source counts the same rows alike, and as numpy counts them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.streams import moments_of
from core.grid import AGE_BINS, LATENCY, NO_LABEL, CategoricalGrid, GridSet, NumericGrid
from core.plugins import PORTS, names
from core.profile import Profile, ProfileKey, Role, merge_all
from core.windows import Grain
from tests.collectors import house as rows_of
from tests.collectors.house import BERLIN, House, body, log_rows, truth_rows, write
from tests.collectors.test_formats import PLATFORMS

LOG = log_rows()
TRUTH = truth_rows(LOG)
REFERENCE = log_rows(seed=9, days=16, a_day=100, start=rows_of.START.replace(month=2, day=1))
KPIS = {
    "conversion": {"numerator": "converted"},
    "basket": {"numerator": "amount", "denominator": "visits"},
    "worth": {"mean": "visits * 2"},
}
KINDS = ["parquet", "csv", "jsonl", "sqlite", "postgresql", "mysql"]

SERVERS = {"postgresql": "postgres_server", "mysql": "mariadb_server"}


def test_every_kind_is_counted_here() -> None:
    tested = {"sql" if kind in SERVERS or kind == "sqlite" else kind for kind in KINDS}
    elsewhere = {"clickhouse", "spark", "feast"}  # test_identical_counts.py, test_spark.py, test_feast.py
    assert set(names(PORTS["source"])) == tested | elsewhere | PLATFORMS


def rows_in(kind: str) -> pd.DataFrame:
    """Return the log as a kind can hold it: to CSV an empty text is none."""
    if kind == "mysql":
        return LOG.assign(amount=LOG["amount"].replace(math.inf, None))
    return LOG.assign(plan=LOG["plan"].replace("", None)) if kind == "csv" else LOG


def build(kind: str, folder: Path, request: pytest.FixtureRequest) -> House:
    url = ""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/log.db"
    elif kind in SERVERS:
        url = request.getfixturevalue(SERVERS[kind])
    plain = "sql" if url else kind
    place = folder / "data"
    reference = write(REFERENCE, "parquet", place, "reference")
    made = House(folder=folder)
    made.body = body(
        write(rows_in(kind), plain, place, "log", url),
        write(TRUTH, plain, place, "truth", url),
        reference,
        kpis=KPIS,
    )
    return made


@pytest.fixture(params=KINDS, scope="module")
def collected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Collect each kind once; what is stored is only read."""
    made = build(request.param, tmp_path_factory.mktemp(request.param), request)
    made.collect()
    made.close()
    return made


def test_it_counts_like_numpy(collected: House) -> None:
    grids, cells = collected.grids(), collected.cells()
    expected = counted_by_numpy(grids, rows_in(collected.folder.name.rstrip("0")))
    assert {place(key) for key in cells if not key.segment} == set(expected)
    for key, profile in cells.items():
        if not key.segment:
            check(profile, expected[place(key)])


def test_segments_add_up_to_the_whole(collected: House) -> None:
    cells, grids = collected.cells(), collected.grids()
    parts = merge_all((p for k, p in cells.items() if k.segment), grid_set=grids.id)
    whole = merge_all((p for k, p in cells.items() if not k.segment), grid_set=grids.id)
    assert {k.segment for k in cells} == {"", *(f"region={one}" for one in rows_of.REGIONS)}
    assert parts.inputs.rows == whole.inputs.rows == len(LOG)
    assert np.array_equal(parts.inputs.score, whole.inputs.score)
    assert parts.outcomes.labelled == whole.outcomes.labelled
    assert np.array_equal(parts.outcomes.confusion, whole.outcomes.confusion)
    assert np.allclose(parts.outcomes.kpis["basket"], whole.outcomes.kpis["basket"])


def test_hours_of_the_service_add_up_to_days(collected: House) -> None:
    grids, days, hours = collected.grids(), collected.cells(), collected.cells(Grain.HOUR)
    day = merge_all((p for k, p in days.items() if not k.segment), grid_set=grids.id).inputs
    hour = merge_all((p for p in hours.values()), grid_set=grids.id).inputs
    assert hour.rows == day.rows
    assert hour.errors == day.errors
    assert hour.statuses == day.statuses
    assert np.array_equal(hour.latency, day.latency)


def place(key: ProfileKey) -> tuple[Any, ...]:
    return key.start, key.version, key.role


def counted_by_numpy(grids: GridSet, rows: pd.DataFrame) -> Mapping[tuple[Any, ...], dict[str, Any]]:
    log = rows.copy()
    at = log["at"].dt.tz_localize(BERLIN)
    log["utc"] = at.dt.tz_convert("UTC")
    log["start"] = at.dt.normalize().dt.tz_convert("UTC")
    log["role"] = log["arm"].map({"holdout": "control"}).fillna(log["arm"])
    labels = TRUTH.sort_values("closed_at").drop_duplicates("id", keep="last").set_index("id")
    twice = set(TRUTH["id"][TRUTH["id"].duplicated()])
    found = {}
    for (start, version, role), rows in log.groupby(["start", "version", "role"]):
        unique = rows.sort_values("at").drop_duplicates("id", keep="last")
        score = unique["score"].to_numpy(float)
        label = unique["id"].map(labels["converted"]).to_numpy(object)
        usable = np.isin(label, ["0", "1"])
        y = np.where(label == "1", 1.0, 0.0)
        both = usable & ~np.isnan(score)
        scored = rows["score"].dropna().to_numpy(float)
        amount = pd.to_numeric(unique["amount"]).to_numpy(float)
        visits = unique["visits"].to_numpy(float)
        clipped = np.clip(score[both], np.finfo(float).eps, 1 - np.finfo(float).eps)
        loss = -np.where(y[both] == 1, np.log(clipped), np.log(1 - clipped))
        predicted = (score[both] >= 0.5).astype(int)
        confusion = np.zeros((2, 2), dtype=np.int64)
        np.add.at(confusion, (y[both].astype(int), predicted), 1)
        found[start.to_pydatetime(), version, Role(role)] = {
            "rows": len(rows),
            "moments": moments_of({one: number_of(rows[one]) for one in grids.moments}, grids),
            "duplicates": len(rows) - rows["id"].nunique(),
            "errors": int((rows["status"] == "500").sum()),
            "first": rows["utc"].min(), "last": rows["utc"].max(),
            "latency": bins(LATENCY, rows["ms"].to_numpy(float)),
            "score_missing": int(rows["score"].isna().sum()),
            "score_sum": scored.sum(),
            "score": bins(grids.score, scored),
            "columns": {name: column(grid, rows[name]) for name, grid in grids.columns.items()},
            "joined": len(unique), "labelled": int(usable.sum()),
            "unknown": int((label == "maybe").sum()),
            "twice": sum(one in twice for one in unique["id"]),
            "confusion": confusion,
            "labelled_scores": bins(grids.score, score[both]),
            "positive_scores": bins(grids.score, score[both & (y == 1)]),
            "log_loss": loss.sum(), "brier": ((score[both] - y[both]) ** 2).sum(),
            "conversion": (int(usable.sum()), float(y[usable].sum())),
            "basket": (
                int((~np.isnan(amount)).sum()), np.nansum(amount), visits[~np.isnan(amount)].sum()
            ),
            "worth": visits.sum() * 2,
        }  # fmt: skip
    return found


def number_of(values: pd.Series) -> Any:
    return pd.to_numeric(values).to_numpy(float)


def bins(grid: NumericGrid | None, values: Any) -> Any:
    assert grid is not None
    return np.bincount(grid.locate(values), minlength=grid.bins)


def column(grid: NumericGrid | CategoricalGrid, values: pd.Series) -> dict[str, Any]:
    if isinstance(grid, NumericGrid):
        numbers = pd.to_numeric(values).dropna().to_numpy(float)
        finite = numbers[np.isfinite(numbers)]
        return {
            "counts": bins(grid, numbers), "missing": int(values.isna().sum()), "total": finite.sum(),
            "squares": (finite**2).sum(), "minimum": finite.min(), "maximum": finite.max(),
        }  # fmt: skip
    counts = np.zeros(grid.bins, dtype=np.int64)
    for value in values.dropna():
        counts[grid.levels.index(value) if value in grid.levels else grid.unseen] += 1
    return {"counts": counts, "missing": int(values.isna().sum())}


def check(profile: Profile, wanted: Mapping[str, Any]) -> None:
    inputs, outcomes = profile.inputs, profile.outcomes
    assert inputs.rows == inputs.weight == wanted["rows"]
    assert inputs.duplicates == wanted["duplicates"]
    assert inputs.errors == wanted["errors"]
    assert (inputs.first, inputs.last) == (wanted["first"], wanted["last"])
    assert np.array_equal(inputs.latency, wanted["latency"])
    assert inputs.score_missing == wanted["score_missing"]
    assert inputs.score_sum == pytest.approx(wanted["score_sum"], rel=1e-9)
    assert inputs.score is not None
    assert np.array_equal(inputs.score.sum(axis=0), wanted["score"])
    for name, sums in wanted["moments"].items():
        assert getattr(inputs, name) == pytest.approx(sums, rel=1e-6, abs=1e-5), name
    for name, facts in wanted["columns"].items():
        own = inputs.columns[name]
        assert np.array_equal(own.counts, facts["counts"]), name
        assert (own.missing, own.invalid) == (facts["missing"], 0), name
        for one in facts.keys() - {"counts", "missing"}:
            assert getattr(own, one) == pytest.approx(facts[one], rel=1e-9), (name, one)
    assert (outcomes.rows, outcomes.labelled) == (wanted["joined"], wanted["labelled"])
    assert outcomes.unknown_labels == wanted["unknown"]
    assert outcomes.duplicate_labels == wanted["twice"]
    assert np.array_equal(outcomes.confusion, wanted["confusion"])
    assert outcomes.score_labelled is not None
    assert outcomes.score_positive is not None
    assert np.array_equal(outcomes.score_labelled.sum(axis=0), wanted["labelled_scores"])
    assert np.array_equal(outcomes.score_positive.sum(axis=0), wanted["positive_scores"])
    assert outcomes.score_sums is not None
    assert outcomes.score_sums[1] == pytest.approx(wanted["log_loss"], rel=1e-9)
    assert outcomes.score_sums[2] == pytest.approx(wanted["brier"], rel=1e-9)
    conversion, basket = outcomes.kpis["conversion"].sum(axis=0), outcomes.kpis["basket"].sum(axis=0)
    assert tuple(conversion[:2]) == wanted["conversion"]
    assert basket[:3] == pytest.approx(wanted["basket"])
    assert outcomes.kpis["worth"].sum(axis=0)[1] == pytest.approx(wanted["worth"])
    assert outcomes.ages is not None
    assert outcomes.ages.shape[0] == AGE_BINS
    assert outcomes.ages[:NO_LABEL, :, 0].sum() == wanted["labelled_scores"].sum()
