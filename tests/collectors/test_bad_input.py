"""Bad input gives a clear error or a mark on the window; the rest goes on and nothing collected is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from core.errors import SourceError
from core.profile import merge_all
from store import quarantine
from tests.collectors.house import House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
NOW = datetime(2026, 4, 8, tzinfo=UTC)
LOG = log_rows(a_day=60, days=4)
TRUTH = truth_rows(LOG)


def days_of(house: House, rows: pd.DataFrame = LOG, kind: str = "parquet") -> dict[str, str]:
    """Write the log, a file for each day."""
    for day, part in rows.groupby(rows["at"].dt.date):
        write(part, kind, house.folder / "data", f"log-{day}")
    return {"kind": kind, "path": str(house.folder / "data" / f"log-*.{kind}")}


def file_of(house: House, day: int, kind: str = "parquet") -> Path:
    return house.folder / "data" / f"log-2026-03-{day}.{kind}"


@pytest.fixture
def watched(house: House) -> House:
    reference = write(log_rows(seed=9, days=3, a_day=60), "parquet", house.folder / "data", "reference")
    truth = write(TRUTH, "parquet", house.folder / "data", "truth")
    house.body = body(days_of(house), truth, reference, segments=[], service_grain="1d")
    return house


def notes(house: House) -> dict[int, dict[str, object]]:
    """Return the notes of each window by its local day."""
    return {(row.start + DAY / 2).day: row.notes for row in house.windows()}


def test_a_missing_column_is_named_with_the_nearest(watched: House) -> None:
    watched.body["predictions"]["columns"] = watched.body["predictions"]["columns"] | {"time": "att"}
    with pytest.raises(SourceError) as caught:
        watched.collect(NOW)
    assert "there is no column 'att'" in caught.value.message
    assert "Did you mean at?" in caught.value.hint


def test_no_file_at_all_is_said_with_the_pattern(watched: House) -> None:
    watched.body["predictions"]["path"] = str(watched.folder / "nowhere" / "*.parquet")
    with pytest.raises(SourceError, match=r"predictions: no file matches .*nowhere"):
        watched.collect(NOW)


def test_an_unreadable_file_is_left_out_and_read_when_it_is_mended(watched: House) -> None:
    good = file_of(watched, 28).read_bytes()
    file_of(watched, 28).write_bytes(b"PAR1 this is no parquet PAR1")
    found = watched.collect(NOW)
    rows = {(row.start + DAY / 2).day: row for row in watched.windows()}
    assert [day for day, row in rows.items() if row.state == "error"] == [28]
    assert "log-2026-03-28.parquet cannot be read" in rows[28].reason
    assert any("log-2026-03-28.parquet was left out" in note for note in found.notes)
    assert merge_all(watched.cells().values(), grid_set=watched.grids().id).inputs.rows == len(
        LOG[LOG["at"].dt.day != 28]
    )
    file_of(watched, 28).write_bytes(good)
    watched.collect(NOW + DAY)
    assert all(row.state == "ok" for row in watched.windows())
    assert merge_all(watched.cells().values(), grid_set=watched.grids().id).inputs.rows == len(LOG)


def test_a_file_whose_end_is_damaged_is_found_while_reading(watched: House) -> None:
    whole = bytearray(file_of(watched, 28).read_bytes())
    whole[4:2000] = bytes(1996)
    file_of(watched, 28).write_bytes(whole)
    found = watched.collect(NOW)
    assert any("log-2026-03-28.parquet was left out" in note for note in found.notes)
    rows = merge_all(watched.cells().values(), grid_set=watched.grids().id).inputs.rows
    assert rows == len(LOG[LOG["at"].dt.day != 28])


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_text_in_a_numeric_column_is_counted_as_invalid(house: House, kind: str) -> None:
    rows = LOG.astype({"visits": object}).copy()
    wrong = rows.index[(rows["at"].dt.day == 29) & (rows["arm"] == "champion")][:3]
    rows.loc[wrong, "visits"] = "many"
    reference = write(log_rows(seed=9, days=3, a_day=60), "parquet", house.folder / "data", "reference")
    house.body = body(days_of(house, rows, kind), None, reference, segments=[], service_grain="1d")
    house.collect(NOW)
    assert notes(house)[29]["invalid"] == {"visits": 3}
    assert "invalid" not in notes(house)[28]
    whole = merge_all(house.cells().values(), grid_set=house.grids().id).inputs.columns["visits"]
    assert (whole.invalid, whole.missing, int(whole.counts.sum())) == (3, 0, len(rows) - 3)
    with house.store.read() as session:
        (kept,) = quarantine.quarantined(session, "m")
    assert (kept.source, kept.reason, kept.count) == ("predictions", "visits: this is no number", 3)
    assert kept.row["visits"] == "many"
    assert kept.row["id"] in set(rows.loc[wrong, "id"])


def test_rows_that_may_not_leave_are_not_kept(watched: House) -> None:
    watched.body["raw_rows"] = "deny"
    watched.collect(NOW)
    with watched.store.read() as session:
        assert quarantine.quarantined(session, "m") == []
    assert any(one.get("unknown_labels") for one in notes(watched).values())


def test_unknown_labels_and_repeated_ids_are_marked(watched: House) -> None:
    watched.collect(NOW)
    found = notes(watched)
    odd = set(TRUTH.drop_duplicates("id", keep="last").query("converted == 'maybe'")["id"])
    served = LOG[~LOG["arm"].isin(["holdout", "shadow"])].drop_duplicates("id")
    assert (
        sum(int(str(one.get("unknown_labels", 0))) for one in found.values()) == served["id"].isin(odd).sum()
    )
    assert found[27]["duplicates"]
    with watched.store.read() as session:
        (kept,) = quarantine.quarantined(session, "m")
    assert (kept.source, kept.reason) == ("ground_truth", "this label is none of 0, 1")
    assert kept.row["converted"] == "maybe"


def test_a_column_that_vanished_appeared_or_changed_type_marks_its_windows(watched: House) -> None:
    watched.collect(NOW)
    assert not any("schema" in one for one in notes(watched).values())
    more = log_rows(seed=5, days=1, a_day=80, start=datetime(2026, 4, 1))
    write(more.drop(columns="plan").assign(extra=1.0), "parquet", watched.folder / "data", "log-2026-04-01")
    text = log_rows(seed=6, days=1, a_day=80, start=datetime(2026, 4, 2)).astype({"visits": str})
    write(text, "parquet", watched.folder / "data", "log-2026-04-02")
    watched.collect(NOW + DAY)
    found = notes(watched)
    assert found[1]["schema"] == {"extra": "extra appeared: a number", "plan": "plan vanished; it was a text"}
    assert found[2]["schema"] == {"visits": "visits was a number and is a text"}
    assert not any("schema" in found[day] for day in (27, 28, 29, 30))
    cells = {(k.start + DAY / 2).day: p for k, p in watched.cells().items()}
    assert cells[1].inputs.columns["plan"].missing == cells[1].inputs.rows
    assert cells[2].inputs.columns["visits"].counts.sum() == cells[2].inputs.rows


def test_a_change_of_unit_is_said(watched: House) -> None:
    more = log_rows(seed=5, days=1, a_day=300, start=datetime(2026, 4, 1))
    more["amount"] = [None if one is None else one * 1000 for one in more["amount"]]
    write(more, "parquet", watched.folder / "data", "log-2026-04-01")
    watched.collect(NOW)
    assert notes(watched)[1]["schema"] == {"amount": "unit of amount changed? × 1000"}


def test_rows_of_the_future_are_not_seen_before_their_time(watched: House) -> None:
    soon = log_rows(seed=5, days=1, a_day=60, start=datetime(2027, 1, 1))
    write(soon, "parquet", watched.folder / "data", "log-2027-01-01")
    watched.collect(NOW)
    assert max(row.start for row in watched.windows()) <= NOW
    assert merge_all(watched.cells().values(), grid_set=watched.grids().id).inputs.rows == len(LOG)


def test_a_dropped_table_says_what_there_is_and_loses_nothing(house: House) -> None:
    url = f"sqlite:///{house.folder}/log.db"
    log, truth = write(LOG, "sql", house.folder, "log", url), write(TRUTH, "sql", house.folder, "truth", url)
    house.body = body(log, truth, segments=[], service_grain="1d")
    house.collect(NOW)
    before = house.marks()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text('ALTER TABLE "log" RENAME TO "logs"'))
    engine.dispose()
    with pytest.raises(SourceError) as caught:
        house.collect(NOW + DAY)
    assert "predictions: there is no table 'log'" in caught.value.message
    assert "Did you mean logs?" in caught.value.hint
    assert house.marks() == before


def test_a_truth_that_is_gone_leaves_outcomes_as_they_are(watched: House) -> None:
    watched.collect(NOW)
    before = {key: profile.outcomes.labelled for key, profile in watched.cells().items()}
    (watched.folder / "data" / "truth.parquet").unlink()
    more = log_rows(seed=5, days=1, a_day=80, start=datetime(2026, 4, 1))
    write(more, "parquet", watched.folder / "data", "log-2026-04-01")
    found = watched.collect(NOW + DAY)
    assert "ground_truth: no file matches" in found.error
    after = {key: profile.outcomes.labelled for key, profile in watched.cells().items()}
    assert {key: after[key] for key in before} == before
    assert sum(p.inputs.rows for p in watched.cells().values()) == len(LOG) + len(more)
    write(TRUTH, "parquet", watched.folder / "data", "truth")
    assert watched.collect(NOW + DAY).error == ""


def test_a_kpi_names_its_wrong_column(watched: House) -> None:
    watched.body["kpis"] = {"conversion": {"numerator": "convertd"}}
    with pytest.raises(SourceError) as caught:
        watched.collect(NOW)
    assert "kpis.conversion: there is no column 'convertd'" in caught.value.message
    assert "Did you mean converted?" in caught.value.hint


@pytest.mark.parametrize("unit", ["ms", "ns"])
def test_times_of_another_unit_are_the_same_times(watched: House, unit: str) -> None:
    watched.collect(NOW)
    usual = {key: cell.inputs.rows for key, cell in watched.cells().items()}
    other = House(folder=watched.folder / "other")
    at = LOG["at"].dt.floor("ms").dt.tz_localize("UTC").astype(f"datetime64[{unit}, UTC]")
    log = write(LOG.assign(at=at), "parquet", other.folder / "data", "log")
    reference = write(log_rows(seed=9, days=3, a_day=60), "parquet", other.folder / "data", "reference")
    truth = write(TRUTH, "parquet", other.folder / "data", "truth")
    other.body = body(log, truth, reference, segments=[], service_grain="1d")

    other.collect(NOW)

    assert sum(cell.inputs.rows for cell in other.cells().values()) == sum(usual.values()) > 0
    other.close()
