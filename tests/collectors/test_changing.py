"""What a changed file, a chosen reference and a regrid count again, and what stays."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collectors import collect
from collectors.changing import change_of
from core.config import configuration_keys
from core.grid import NumericGrid
from core.profile import merge_all
from store import grids, marks, models, references
from store.grids import Regrid
from store.references import Chosen, of_reference
from tests.collectors.house import House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
LOG = log_rows(a_day=60, days=36, start=datetime(2026, 1, 1))
TRUTH = truth_rows(LOG)
NOW = datetime(2026, 4, 1, 5, tzinfo=UTC)  # every window is final
KPI = {"conversion": {"numerator": "converted"}}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that was collected once; nobody may change it."""
    folder = tmp_path_factory.mktemp("collected")
    for rows, name in ((LOG, "log"), (TRUTH, "truth")):
        write(rows, "parquet", folder, name)
    house = House(folder=folder, body=_body())
    house.collect(NOW)
    house.close()
    return folder


@pytest.fixture
def watched(collected: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "own"
    shutil.copytree(collected, folder)
    house = House(folder=folder, body=_body())
    yield house
    house.close()


def _body() -> dict[str, Any]:
    log, truth = ({"kind": "parquet", "path": name} for name in ("log.parquet", "truth.parquet"))
    reference = {"from": date(2026, 1, 5), "to": date(2026, 1, 25)}
    return body(log, truth, segments=[], service_grain="1d", kpis=KPI, reference=reference)


def beside(house: House, **more: Any) -> House:
    """Return a project over the same rows that holds nothing yet."""
    folder = house.folder.parent / "beside"
    folder.mkdir()
    for name in ("log.parquet", "truth.parquet"):
        shutil.copy2(house.folder / name, folder / name)
    return House(folder=folder, body=house.body | more)


def changed(house: House) -> Any:
    with house.store.read() as session:
        row, was = models.model(session, "m"), models.counted_keys(session, "m")
    return change_of(house.project.models["m"], row, was)


def ask(house: House, asked: Regrid) -> None:
    with house.store.write() as session:
        grids.ask_regrid(session, "m", asked)


def choose(house: House, **what: Any) -> None:
    keys = configuration_keys(house.project.models["m"])
    chosen = Chosen(instead_of=of_reference(keys), actor="ada", reason="moved", at=NOW, **what)
    with house.store.write() as session:
        references.choose_reference(session, "m", chosen)


def test_nothing_changed_is_no_change(watched: House) -> None:
    found = changed(watched)
    assert not (found.inputs or found.outcomes or found.metrics or found.keys)


@pytest.mark.parametrize(
    ("more", "key", "what"),
    [
        ({"kpis": KPI | {"n": {"mean": "converted"}}}, "kpis.n.mean", (False, True)),
        ({"segments": ["region"]}, "segments", (True, True)),
        ({"reference": {"from": "2026-01-06", "to": "2026-01-25"}}, "reference.from", (False, False)),
    ],
)
def test_a_key_that_changed_is_named_and_says_what_it_costs(
    watched: House, more: dict[str, Any], key: str, what: tuple[bool, bool]
) -> None:
    watched.body |= more
    found = changed(watched)
    assert key in found.keys
    assert (found.inputs, found.outcomes, found.metrics) == (*what, True)


def test_a_watched_column_that_a_kpi_takes_is_watched_no_longer(watched: House) -> None:
    watched.body["predictions"] = watched.body["predictions"] | {"features": "auto"}
    watched.collect(NOW)
    assert "visits" in watched.grids().columns
    watched.body["kpis"] = KPI | {"visits": {"mean": "visits"}}
    found = changed(watched)
    assert found.taken == ("visits",) and found.inputs
    watched.collect(NOW)
    assert "visits" not in watched.grids().columns


def test_a_new_kpi_collects_outcomes_alone_however_old_the_window(watched: House) -> None:
    before, grid = watched.marks(), watched.grids()
    watched.body["kpis"] = KPI | {"sure": {"numerator": "score > 0.9"}}
    assert watched.collect(NOW).windows == 36
    after = watched.marks()
    assert {start: mark[0] for start, mark in before.items()} == {s: mark[0] for s, mark in after.items()}
    assert all(before[start][1] != after[start][1] for start in before)
    assert not [one for one in watched.statements if "histogram" in one and "amount" in one]
    fresh = beside(watched)
    fresh.collect(NOW)
    one, other = (merge_all(house.cells().values(), grid_set=house.grids().id) for house in (watched, fresh))
    fresh.close()
    assert watched.grids().id == grid.id
    assert one.inputs.rows == other.inputs.rows
    assert np.array_equal(one.outcomes.kpis["sure"], other.outcomes.kpis["sure"])
    assert one.outcomes.kpis["sure"].sum() > 0
    assert watched.collect(NOW).windows == 0


def test_another_range_of_the_file_counts_the_reference_alone(watched: House) -> None:
    before, grid = watched.marks(), watched.grids()
    watched.body["reference"] = {"from": date(2026, 1, 10), "to": date(2026, 2, 1)}
    assert watched.collect(NOW).windows == 0
    row, cells = watched.reference()
    assert (row.windows, watched.marks(), watched.grids().id) == (22, before, grid.id)
    days = watched.cells()
    assert all(days[key].inputs.rows == profile.inputs.rows for key, profile in cells.items())


def test_a_new_column_gets_a_grid_and_the_others_keep_theirs(watched: House) -> None:
    watched.body["predictions"]["features"] = {"numeric": ["amount", "visits", "ms"], "categorical": ["plan"]}
    watched.body["reference"] = {"from": date(2026, 1, 10), "to": date(2026, 2, 1)}
    old = watched.grids()
    assert watched.collect(NOW).windows == 36
    new = watched.grids()
    assert new.columns.keys() - old.columns.keys() == {"ms"}
    amount, before = new.columns["amount"], old.columns["amount"]
    assert isinstance(amount, NumericGrid) and isinstance(before, NumericGrid)
    assert np.array_equal(amount.edges, before.edges)
    assert new.id != old.id


def test_a_chosen_range_is_in_force_from_the_next_pass_and_the_grid_stays(watched: House) -> None:
    before, grid = watched.marks(), watched.grids()
    choose(watched, since=date(2026, 1, 15), until=date(2026, 2, 5))
    assert watched.collect(NOW).windows == 0
    row, _cells = watched.reference()
    assert (row.kind, row.description, row.windows) == ("range", "2026-01-15 to 2026-02-05", 21)
    assert (watched.marks(), watched.grids().id, row.grid_set) == (before, grid.id, grid.id)
    assert watched.collect(NOW + DAY).windows == 0
    assert watched.reference()[0].id == row.id


def test_a_chosen_file_is_read_with_the_columns_of_the_log(watched: House) -> None:
    rows = log_rows(seed=9, days=20, a_day=60, start=datetime(2025, 11, 1)).drop(columns=["plan"])
    write(rows, "parquet", watched.folder, "training")
    choose(watched, path="training.parquet")
    grid = watched.grids()
    watched.collect(NOW)
    row, cells = watched.reference()
    assert (row.kind, row.windows, row.rows, watched.grids().id) == ("source", 20, len(rows), grid.id)
    whole = merge_all(cells.values(), grid_set=grid.id)
    assert whole.inputs.columns["amount"].counts.sum() > 1000


def test_what_the_file_says_next_comes_before_what_was_chosen(watched: House) -> None:
    choose(watched, since=date(2026, 1, 15), until=date(2026, 2, 5))
    watched.collect(NOW)
    watched.body["reference"] = {"from": date(2026, 1, 2), "to": date(2026, 1, 20)}
    watched.collect(NOW)
    assert watched.reference()[0].description == "2026-01-02 to 2026-01-20"


def test_a_log_that_loses_its_first_days_keeps_its_reference(watched: House) -> None:
    del watched.body["reference"]
    watched.collect(NOW)
    first = watched.reference()[0]
    assert (first.kind, first.windows) == ("windows", 28)
    kept = LOG[LOG["at"] >= "2026-01-09"]
    write(kept, "parquet", watched.folder, "log")
    watched.collect(NOW + DAY)
    assert watched.reference()[0].id == first.id
    watched.body["kpis"] = KPI | {"n": {"mean": "converted"}}
    watched.collect(NOW + DAY)
    assert watched.reference()[0].id == first.id


def test_a_new_grid_set_collects_again_what_the_log_reaches(watched: House) -> None:
    old = watched.grids()
    choose(watched, since=date(2026, 1, 15), until=date(2026, 2, 5))
    watched.collect(NOW)
    write(LOG[LOG["at"] >= "2026-01-09"], "parquet", watched.folder, "log")
    ask(watched, Regrid(actor="ada", reason="scores were rescaled"))
    assert watched.collect(NOW).windows == 28
    new = watched.grids()
    assert new.id != old.id
    assert [row.grid_set for row in watched.windows()] == [old.id] * 8 + [new.id] * 28
    row, _cells = watched.reference()
    assert (row.grid_set, row.description) == (new.id, "2026-01-15 to 2026-02-05")
    with watched.store.read() as session:
        (mark,) = [one for one in marks.marks(session, "m") if one.kind == "configuration"]
        assert grids.asked_regrid(session, "m") is None
    assert (mark.text, mark.actor) == (f"New grid set {new.id} (scores were rescaled)", "ada")
    assert watched.collect(NOW).windows == 0


def test_a_regrid_that_dies_goes_on_where_it_ended(watched: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "BATCH_WINDOWS", 6)
    choose(watched, since=date(2026, 1, 15), until=date(2026, 2, 5))
    ask(watched, Regrid(actor="ada"))
    real, written = collect.windows.save_windows, [0]

    def die(session: Any, rows: Any) -> None:
        written[0] += 1
        if written[0] > 2:
            raise KeyboardInterrupt
        real(session, rows)

    monkeypatch.setattr(collect.windows, "save_windows", die)
    with pytest.raises(KeyboardInterrupt):
        watched.collect(NOW)
    monkeypatch.setattr(collect.windows, "save_windows", real)
    done = sum(row.grid_set == watched.grids().id for row in watched.windows())
    assert done == 12
    assert watched.collect(NOW).windows == 36 - done
    whole = beside(watched, reference={"from": date(2026, 1, 15), "to": date(2026, 2, 5)})
    whole.collect(NOW)
    assert whole.grids().id == watched.grids().id
    one, other = whole.cells(), watched.cells()
    assert one.keys() == other.keys()
    assert all(np.array_equal(cell.inputs.score, other[key].inputs.score) for key, cell in one.items())
    whole.close()


def test_what_is_the_same_asks_for_no_new_grids(watched: House) -> None:
    old = watched.grids()
    ask(watched, Regrid(actor="ada"))
    assert watched.collect(NOW).windows == 0
    assert watched.grids().id == old.id
    assert not [one for one in _marks(watched) if one.kind == "configuration"]


def _marks(house: House) -> list[Any]:
    with house.store.read() as session:
        return list(marks.marks(session, "m"))


def test_where_the_keys_were_not_kept_everything_counts_as_changed(watched: House) -> None:
    watched.body["kpis"] = KPI | {"n": {"mean": "converted"}}
    with watched.store.read() as session:
        row = models.model(session, "m")
    found = change_of(watched.project.models["m"], row, None)
    assert found == replace(found, inputs=True, outcomes=True, metrics=True, keys={})
