"""Each form of a reference; grids are made once, and a new day asks for no new ones."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.grid import NumericGrid
from core.profile import merge_all
from tests.collectors.house import House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
LOG = log_rows(a_day=60, days=36, start=datetime(2026, 1, 1))
TRUTH = truth_rows(LOG)


def after(days: int) -> datetime:
    """Six hours after so many days of the log."""
    return datetime(2026, 1, 1, 5, tzinfo=UTC) + days * DAY


@pytest.fixture
def watched(house: House) -> House:
    log, truth = (
        write(rows, "parquet", house.folder, name) for rows, name in ((LOG, "log"), (TRUTH, "truth"))
    )
    house.body = body(
        log, truth, segments=[], service_grain="1d", kpis={"conversion": {"numerator": "converted"}}
    )
    return house


def test_without_a_reference_the_first_28_windows_become_it(watched: House) -> None:
    first = watched.collect(after(4))
    row, _cells = watched.reference()
    assert (row.kind, row.windows) == ("windows", 3)
    assert row.description == "the first 3 windows of the log, of 28 to come"
    assert first.notes == ("The reference is being learnt: the first 3 windows of the log, of 28 to come.",)
    watched.collect(after(30))
    row, cells = watched.reference()
    assert (row.windows, row.description) == (28, "the first 28 windows of the log")
    assert {key.start for key in cells} == {one.start for one in watched.windows()[:28]}
    grids = watched.grids()
    assert watched.collect(after(36)).notes == ()
    assert watched.grids().id == grids.id
    assert len(watched.windows()) == 36
    assert {row.grid_set for row in watched.windows()} == {grids.id}


def test_a_reference_of_the_log_is_counted_once_more_when_its_labels_are_ripe(watched: House) -> None:
    watched.collect(after(29))
    young = merge_all(watched.reference()[1].values(), grid_set=watched.grids().id)
    watched.collect(after(36))
    row, cells = watched.reference()
    ripe = merge_all(cells.values(), grid_set=watched.grids().id)
    assert ripe.inputs.rows == young.inputs.rows
    assert ripe.outcomes.labelled > young.outcomes.labelled
    days = watched.cells()
    same = merge_all((days[key] for key in cells), grid_set=watched.grids().id)
    assert ripe.outcomes.labelled == same.outcomes.labelled
    assert watched.collect(after(30)).windows == 0
    assert watched.reference()[0].id == row.id


def test_a_range_of_the_log(watched: House) -> None:
    watched.body["reference"] = {"from": date(2026, 1, 5), "to": date(2026, 1, 20)}
    watched.collect(after(36))
    row, cells = watched.reference()
    inside = LOG[(LOG["at"] >= "2026-01-05") & (LOG["at"] < "2026-01-20")]
    assert (row.kind, row.windows, row.rows) == ("range", 15, len(inside))
    days = watched.cells()
    assert all(days[key].inputs.rows == profile.inputs.rows for key, profile in cells.items())
    grid = watched.grids().columns["amount"]
    assert isinstance(grid, NumericGrid)
    finite = pd.to_numeric(inside["amount"]).replace(np.inf, np.nan).max()
    assert grid.edges[-1] == finite


@pytest.mark.parametrize("timed", [True, False])
def test_a_source_of_its_own(watched: House, timed: bool) -> None:
    rows = log_rows(seed=9, days=20, a_day=60, start=datetime(2025, 11, 1)).assign(converted="1")
    kept = rows if timed else rows.drop(columns=["at"])
    watched.body["reference"] = write(kept, "parquet", watched.folder, "reference")
    watched.collect(after(36))
    row, cells = watched.reference()
    assert (row.kind, row.windows, row.rows) == ("source", 20 if timed else 0, len(rows))
    whole = merge_all(cells.values(), grid_set=watched.grids().id)
    assert whole.outcomes.labelled == rows["id"].nunique()
    assert len({key.start for key in cells}) == (20 if timed else 1)


def test_a_reference_file_that_changes_is_counted_again_on_the_same_grids(watched: House) -> None:
    rows = log_rows(seed=9, days=20, a_day=60, start=datetime(2025, 11, 1))
    watched.body["reference"] = write(rows, "parquet", watched.folder, "reference")
    watched.collect(after(35))
    grids, first = watched.grids(), watched.reference()[0]
    write(rows.head(900), "parquet", watched.folder, "reference")
    watched.collect(after(36))
    assert watched.grids().id == grids.id
    assert watched.reference()[0].id != first.id
    assert watched.reference()[0].rows == 900


def test_days_merged_are_the_profile_of_the_whole(watched: House) -> None:
    watched.body["reference"] = {"from": date(2026, 1, 1), "to": date(2026, 2, 6)}
    watched.collect(after(50))
    days = merge_all(watched.cells().values(), grid_set=watched.grids().id)
    watched.body["reference"] = write(LOG.drop(columns=["at"]), "parquet", watched.folder, "reference")
    other = House(folder=watched.folder / "other", body=watched.body)
    other.folder.mkdir()
    other.collect(after(50))
    whole = merge_all(other.reference()[1].values(), grid_set=other.grids().id)
    other.close()
    assert days.inputs.rows == whole.inputs.rows == len(LOG)
    for name, column in days.inputs.columns.items():
        assert np.array_equal(column.counts, whole.inputs.columns[name].counts)
        assert column.total == pytest.approx(whole.inputs.columns[name].total)
    assert np.array_equal(days.inputs.score, whole.inputs.score)
    assert np.array_equal(days.outcomes.confusion, whole.outcomes.confusion)


def test_a_reference_holds_the_score_by_values_of_each_column(watched: House) -> None:
    watched.collect(after(36))
    cells = watched.reference()[1]
    whole = merge_all(cells.values(), grid_set=watched.grids().id).inputs
    held = LOG[LOG["at"] < "2026-01-29"].dropna(subset=["score"])

    assert set(whole.score_by) == set(watched.grids().columns)
    for column, sums in whole.score_by.items():
        there = held.dropna(subset=[column])
        assert sums[:, 0].sum() == len(there), column
        assert sums[:, 1].sum() == pytest.approx(there["score"].sum(), rel=1e-6)
    plan = watched.grids().columns["plan"]
    by_plan = held.groupby("plan")["score"].sum()
    for level, sums in zip(plan.levels, whole.score_by["plan"], strict=False):
        assert sums[1] == pytest.approx(by_plan[level], rel=1e-6)
    assert not any(cell.inputs.score_by for cell in watched.cells().values())
