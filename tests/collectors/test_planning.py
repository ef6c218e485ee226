"""A second pass writes nothing; what comes late redoes what it touches and nothing else."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from core.profile import merge_all
from core.windows import Grain
from tests.collectors.house import House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
NOW = datetime(2026, 4, 8, tzinfo=UTC)
LOG = log_rows(a_day=60, days=6)
TRUTH = truth_rows(LOG)
KPIS = {"conversion": {"numerator": "converted"}}


@pytest.fixture(params=["files", "table"])
def watched(request: pytest.FixtureRequest, house: House) -> House:
    """A log in daily files and its truth, or both in one database."""
    house.more = {"kind": request.param}
    put(house, LOG)
    tell(house, TRUTH)
    reference = write(log_rows(seed=9, days=3, a_day=60), "parquet", house.folder / "data", "reference")
    if request.param == "files":
        log = {"kind": "parquet", "path": str(house.folder / "data" / "log-*.parquet")}
        truth = {"kind": "parquet", "path": str(house.folder / "data" / "truth-*.parquet")}
    else:
        url = f"sqlite:///{house.folder}/log.db"
        log, truth = ({"kind": "sql", "url": url, "table": one} for one in ("log", "truth"))
    house.body = body(log, truth, reference, kpis=KPIS, segments=[], service_grain="1d")
    return house


def put(house: House, rows: pd.DataFrame) -> None:
    """Write the log, a file for each day."""
    if house.more.pop("kind") == "table":
        house.body["in_table"] = True
    _write(house, rows, "log", "at")


def tell(house: House, rows: pd.DataFrame) -> None:
    _write(house, rows, "truth", "closed_at")


def _write(house: House, rows: pd.DataFrame, name: str, time: str) -> None:
    if house.__dict__.setdefault("in_table", house.body.pop("in_table", False)):
        write(rows, "sql", house.folder, name, f"sqlite:///{house.folder}/log.db")
        return
    for day, part in rows.groupby(rows[time].dt.date):
        write(part, "parquet", house.folder / "data", f"{name}-{day}")


def again(house: House, rows: pd.DataFrame, name: str, time: str) -> None:
    """Write what changed only: the files of the days that these rows touch, or the table."""
    whole = LOG if name == "log" else TRUTH
    changed = pd.concat([whole[~whole["id"].isin(rows["id"])], rows])
    if house.__dict__["in_table"]:
        _write(house, changed, name, time)
        return
    for day in sorted(set(rows[time].dt.date)):
        write(changed[changed[time].dt.date == day], "parquet", house.folder / "data", f"{name}-{day}")


def touched(house: House, before: dict[datetime, tuple[str, str, str, datetime]], at: int) -> set[datetime]:
    return {start for start, now in house.marks().items() if now[at] != before[start][at]}


def start_of(house: House, id: str) -> datetime:
    at = LOG.loc[LOG["id"] == id, "at"].iloc[0].normalize()
    return at.tz_localize("Europe/Berlin").tz_convert("UTC").to_pydatetime()


def test_a_second_pass_writes_nothing(watched: House) -> None:
    del watched.body["service_grain"]
    first = watched.collect(NOW)
    before = watched.marks()
    assert first.windows == len(before) + len(watched.windows(Grain.HOUR))
    assert watched.collect(NOW + timedelta(hours=1)).windows == 0
    assert watched.collect(NOW + DAY).windows == 0
    assert watched.marks() == before


def test_a_late_row_redoes_its_window_alone(watched: House) -> None:
    watched.collect(NOW)
    before = watched.marks()
    row = LOG[LOG["at"].dt.day == 30].iloc[[0]].assign(id="late")
    again(watched, row, "log", "at")
    watched.collect(NOW + DAY)
    changed = touched(watched, before, 0)
    assert touched(watched, before, 2) == {datetime(2026, 3, 29, 22, tzinfo=UTC)}
    assert len(changed) <= 2  # days of a table are UTC's: the one before is counted too, to the same end
    assert sum(p.inputs.rows for p in watched.cells().values()) == len(LOG) + 1
    assert sum(p.outcomes.rows for p in watched.cells().values()) == LOG["id"].nunique() + 1


def test_a_corrected_label_redoes_the_outcomes_it_touches(watched: House) -> None:
    watched.collect(NOW)
    before, cells = watched.marks(), watched.cells()
    wrong = TRUTH[TRUTH["converted"] == "0"].iloc[[3]]
    again(watched, wrong.assign(converted="1"), "truth", "closed_at")
    watched.collect(NOW + DAY)
    start = start_of(watched, wrong["id"].iloc[0])
    assert touched(watched, before, 0) == set()
    assert touched(watched, before, 1) == touched(watched, before, 2) == {start}
    for key, profile in watched.cells().items():
        assert profile.inputs.rows == cells[key].inputs.rows
    sums = [merge_all(found.values(), grid_set=watched.grids().id) for found in (cells, watched.cells())]
    assert sums[1].outcomes.labelled == sums[0].outcomes.labelled
    assert (
        sums[1].outcomes.kpis["conversion"][:, 1].sum() - sums[0].outcomes.kpis["conversion"][:, 1].sum() == 1
    )
    assert watched.collect(NOW + DAY).windows == 0


def test_labels_come_in_as_they_become_known(watched: House) -> None:
    early = datetime(2026, 3, 30, 9, tzinfo=UTC)
    watched.collect(early)
    seen = merge_all(watched.cells().values(), grid_set=watched.grids().id)
    known = TRUTH[TRUTH["closed_at"] <= early.replace(tzinfo=None)]["id"]
    happened = LOG[LOG["at"].dt.tz_localize("Europe/Berlin").dt.tz_convert("UTC") <= early]
    assert seen.inputs.rows == len(happened) < len(LOG)
    assert 0 < seen.outcomes.labelled <= happened["id"].isin(set(known)).sum()
    watched.collect(NOW)
    watched_whole = watched.cells()
    other = House(folder=watched.folder / "other", body=watched.body)
    other.folder.mkdir()
    other.collect(NOW)
    fresh = other.cells()
    other.close()
    assert watched_whole.keys() == fresh.keys()
    for key, profile in fresh.items():
        assert watched_whole[key].inputs.rows == profile.inputs.rows
        assert watched_whole[key].outcomes.labelled == profile.outcomes.labelled
        assert np.array_equal(
            watched_whole[key].outcomes.kpis["conversion"], profile.outcomes.kpis["conversion"]
        )


def test_windows_older_than_maturity_and_look_back_are_final(watched: House) -> None:
    watched.collect(NOW)
    before = watched.marks()
    row = LOG[LOG["at"].dt.day == 30].iloc[[0]].assign(id="late")
    again(watched, row, "log", "at")
    assert watched.collect(NOW + 60 * DAY).windows == 0
    assert watched.marks() == before


def test_after_a_long_silence_everything_gets_one_more_look(watched: House) -> None:
    watched.collect(NOW)
    row = LOG[LOG["at"].dt.day == 30].iloc[[0]].assign(id="late")
    again(watched, row, "log", "at")
    tell(watched, TRUTH[TRUTH["converted"] == "1"])
    assert watched.collect(NOW + 60 * DAY, looked=NOW).windows > 0
    whole = merge_all(watched.cells().values(), grid_set=watched.grids().id)
    assert whole.inputs.rows == len(LOG) + 1
    assert whole.outcomes.kpis["conversion"][:, 0].sum() == whole.outcomes.kpis["conversion"][:, 1].sum()


def test_since_and_until_limit_what_is_collected(watched: House) -> None:
    since, until = datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    watched.collect(NOW, since=since, until=until)
    assert [row.start for row in watched.windows()] == [since, since + DAY]


def test_a_configuration_that_counts_otherwise_collects_again(watched: House) -> None:
    watched.collect(NOW)
    watched.body["kpis"] = KPIS | {"visits": {"mean": "visits"}}
    assert watched.collect(NOW + DAY).windows > 0
    whole = merge_all(watched.cells().values(), grid_set=watched.grids().id)
    assert whole.outcomes.kpis["visits"][:, 0].sum() == LOG["id"].nunique()
    watched.body["title"] = "Only words"
    assert watched.collect(NOW + DAY).windows == 0


def test_a_clock_that_jumps_back_changes_nothing(watched: House) -> None:
    watched.collect(NOW)
    before = watched.marks()
    assert watched.collect(NOW - 19 * DAY).windows == 0
    assert watched.marks() == before


@pytest.mark.parametrize(("key", "value"), [("timezone", "UTC"), ("grain", "1w")])
def test_windows_are_never_cut_two_ways_in_one_store(house: House, key: str, value: str) -> None:
    house.body = body(write(LOG, "parquet", house.folder, "log"), None, segments=[])
    house.collect(NOW)
    before = house.marks()
    (house.more if key == "timezone" else house.body)[key] = value
    with pytest.raises(SourceError, match=f"`{key}` was .* and is {value}") as caught:
        house.collect(NOW + DAY)
    assert "goalkeeper regrid m" in caught.value.hint
    assert house.marks() == before


def test_times_that_clocks_make_unsure_are_marked(house: House) -> None:
    rows = log_rows(a_day=60, days=1, start=datetime(2026, 10, 25))
    rows.loc[rows.index[:4], "at"] = pd.Timestamp("2026-10-25 02:30")  # clocks go back: it happens twice
    rows.loc[rows.index[4:], "at"] = pd.Timestamp("2026-10-25 12:00")
    house.body = body(write(rows, "parquet", house.folder, "log"), None, segments=[])
    house.collect(datetime(2026, 10, 27, tzinfo=UTC))
    (window,) = house.windows()
    assert window.end - window.start == timedelta(hours=25)
    assert window.notes["odd"] == {"times that clocks make unsure": 4}


def test_days_without_rows_are_windows_too(house: House) -> None:
    rows = LOG[~LOG["at"].dt.day.isin([28, 30])]
    house.body = body(write(rows, "parquet", house.folder, "log"), None, segments=[])
    house.collect(NOW)
    empty = {row.start.day for row in house.windows() if row.notes.get("empty")}
    assert [row.end for row in house.windows()[:-1]] == [row.start for row in house.windows()[1:]]
    assert empty == {27, 29}  # 23:00 and 22:00 UTC of the day before
