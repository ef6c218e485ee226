"""Bad input as its owner meets it: an error or a mark on the window, the rest goes on, nothing is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.values import ValueState
from goalkeeper.cli import app
from tests.e2e.scene import A_DAY, FIRST, Pass, Scene, rows_of

BAD = FIRST
"""The day whose input is spoilt."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return two models after a good pass over ten days."""
    return passed(Scene(folder=tmp_path))


def passed(made: Scene) -> Scene:
    assert made.collect(FIRST - 1).code == 0
    for day in range(BAD, BAD + 2):
        made.write("well", day)
    return made


def goes_on(scene: Scene, found: Pass, before: dict[int, str]) -> None:
    """Assert that the other model was collected and that the ill one kept what it had."""
    assert found.models["well"]["error"] == ""
    assert scene.windows("well")[BAD].state == "ok"
    assert scene.values("quality.rows", name="well")[BAD].value.value == A_DAY
    assert scene.alerts("well") == []
    after = scene.counted()
    assert {day: after[day] for day in before} == before


def spoilt(scene: Scene, rows: pd.DataFrame, until: int = BAD) -> Pass:
    """Write the bad day, collect, and assert that all else is as it should be."""
    before = scene.counted()
    scene.write("ill", BAD, rows)
    found = scene.collect(until)
    goes_on(scene, found, before)
    return found


# ---- columns


@pytest.mark.parametrize(
    ("where", "wrong", "said"),
    [
        (("predictions", "columns", "time"), "att", "predictions: there is no column 'att'"),
        (("predictions", "columns", "score"), "pp", "predictions: there is no column 'pp'"),
        (("predictions", "columns", "latency_ms"), "mss", "predictions: there is no column 'mss'"),
        (("predictions", "features", "numeric"), ["agee"], "predictions: there is no column 'agee'"),
        (("ground_truth", "columns", "label"), "yy", "ground_truth: there is no column 'yy'"),
        (("kpis", "conversion", "numerator"), "yes", "kpis.conversion: there is no column 'yes'"),
    ],
)
def test_a_column_that_is_not_there_is_named_and_nothing_is_overwritten(
    scene: Scene, where: tuple[str, str, str], wrong: Any, said: str
) -> None:
    before = scene.counted()
    scene.write("ill", BAD)
    use, key, name = where
    place = scene.body["models"]["ill"][use]
    place[key] = place[key] | {name: wrong}
    found = scene.collect(BAD)
    assert found.code == 1
    assert said in found.said
    assert any(hint in found.said for hint in ("It has: ", "There are: ", "Did you mean "))
    if use == "ground_truth":  # the inputs are counted all the same, and what was known of outcomes stays
        assert scene.values("performance.log_loss")[0].value.state is ValueState.OK
    else:
        goes_on(scene, found, before)


def test_a_column_that_vanished_appeared_or_changed_type_raises_one_ticket(scene: Scene) -> None:
    before = scene.counted()
    scene.write("ill", BAD, rows_of(BAD).drop(columns="plan"))
    scene.write("ill", BAD + 1, rows_of(BAD + 1).assign(extra=1.0).astype({"age": str}))
    found = scene.collect(BAD + 1)
    goes_on(scene, found, before)
    marked = {day: row.notes["schema"] for day, row in scene.windows().items() if "schema" in row.notes}
    assert marked == {
        BAD: {"plan": "plan vanished; it was a text"},
        BAD + 1: {"extra": "extra appeared: a number", "age": "age was a number and is a text"},
    }
    told = {alert.column: alert.reason for alert in scene.alerts() if alert.rule == "quality.schema"}
    assert told == marked[BAD] | marked[BAD + 1]
    (ticket,) = scene.tickets()
    assert (ticket.kind, ticket.state) == ("fix_data", "open")
    assert scene.values("quality.missing", "plan")[BAD].value.value == 1.0


def test_a_score_that_vanished_leaves_performance_without_a_value_on_that_day_alone(scene: Scene) -> None:
    spoilt(scene, rows_of(BAD).drop(columns="p"), until=BAD + 1)
    assert scene.windows()[BAD].notes["schema"] == {"p": "p vanished; it was a number"}
    found = scene.values("performance.log_loss")
    assert found[BAD].value.value is None
    assert found[BAD].value.reason
    assert found[BAD - 1].value.state is ValueState.OK


def test_a_file_without_the_time_column_is_left_out_and_marks_no_other_day(scene: Scene) -> None:
    found = spoilt(scene, rows_of(BAD).rename(columns={"at": "when"}).drop(columns="y"))
    (note,) = found.models["ill"]["notes"]
    assert note.endswith("log-010.parquet was left out: it has no column 'at', which holds the time")
    assert not any(row.notes for day, row in scene.windows().items() if day < BAD)
    scene.write("ill", BAD)
    healed = scene.collect(BAD)
    assert (healed.models["ill"]["windows"], healed.models["ill"]["notes"]) == (1, [])


# ---- values


def test_a_text_in_a_numeric_column_is_counted_and_told(tmp_path: Path) -> None:
    scene = passed(Scene(folder=tmp_path, kind="csv"))
    rows = rows_of(BAD).astype({"age": object})
    rows.loc[:4, "age"] = "many"
    spoilt(scene, rows)
    notes = scene.windows()[BAD].notes
    assert notes["invalid"] == {"age": 5}
    assert notes["schema"] == {"age": "age was a number and is a text"}
    assert [alert.rule for alert in scene.alerts()] == ["quality.schema"]


def test_duplicate_ids_mark_the_window_and_count_once_for_the_outcome(scene: Scene) -> None:
    rows = rows_of(BAD)
    spoilt(scene, pd.concat([rows, rows[:40]]), until=BAD + 1)
    assert scene.windows()[BAD].notes == {"duplicates": 40}
    assert scene.values("quality.duplicate_ids")[BAD].value.value == pytest.approx(40 / 120)
    assert scene.values("business.conversion")[BAD].value.n == A_DAY


def test_unknown_labels_mark_the_window_and_count_as_no_answer(scene: Scene) -> None:
    rows = rows_of(BAD)
    rows.loc[:9, "y"] = "perhaps"
    spoilt(scene, rows, until=BAD + 1)
    assert scene.windows()[BAD].notes == {"unknown_labels": 10}
    assert scene.values("performance.log_loss")[BAD].value.n == A_DAY - 10


# ---- sources


def test_an_unreadable_file_is_named_and_its_day_comes_once_it_is_mended(scene: Scene) -> None:
    before = scene.counted()
    for day in (BAD, BAD + 1):
        scene.write("ill", day)
    whole = scene.file("ill", BAD).read_bytes()
    scene.file("ill", BAD).write_bytes(b"PAR1 no parquet PAR1")
    found = scene.collect(BAD + 1)
    goes_on(scene, found, before)
    (note,) = found.models["ill"]["notes"]
    assert "log-010.parquet was left out" in note
    row = scene.windows()[BAD]
    assert row.state == "error"
    assert "log-010.parquet cannot be read" in row.reason
    assert scene.windows()[BAD + 1].state == "ok"
    scene.file("ill", BAD).write_bytes(whole)
    healed = scene.collect(BAD + 1)
    assert (healed.code, healed.models["ill"]["windows"]) == (0, 1)
    assert scene.counted() == scene.counted("well")


def test_a_dropped_table_is_named_and_collecting_goes_on_when_it_is_back(tmp_path: Path) -> None:
    scene = Scene(folder=tmp_path)
    database = tmp_path / "log.db"
    _fill(database, FIRST)
    ill = scene.body["models"]["ill"]
    ill["predictions"] = {
        "kind": "sql", "url": f"sqlite:///{database}", "table": "calls",
        "columns": ill["predictions"]["columns"], "features": ill["predictions"]["features"],
    }  # fmt: skip
    passed(scene)
    before = scene.counted()
    assert len(before) == FIRST
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE calls")
    found = scene.collect(BAD)
    assert found.code == 1
    assert "ill: predictions: there is no table 'calls'" in found.said
    goes_on(scene, found, before)
    _fill(database, FIRST + 1)
    back = scene.collect(BAD)
    assert (back.code, back.models["ill"]["error"]) == (0, "")
    goes_on(scene, back, before)
    assert scene.values("quality.rows")[BAD].value.value == A_DAY


def _fill(database: Path, days: int) -> None:
    rows = pd.concat([rows_of(day) for day in range(days)]).drop(columns="y")
    rows["at"] = rows["at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    with closing(sqlite3.connect(database)) as connection:
        rows.to_sql("calls", connection, index=False, if_exists="replace")
        connection.commit()


# ---- time


def test_a_clock_that_jumps_back_and_forth_loses_nothing_and_closes_no_ticket(scene: Scene) -> None:
    spoilt(scene, rows_of(BAD).drop(columns="plan"))
    before, tickets = scene.counted(), [(row.id, row.state) for row in scene.tickets()]
    assert tickets == [(1, "open")]
    back = scene.collect(4)
    assert (back.code, back.models["ill"]["windows"]) == (0, 0)
    assert scene.counted() == before
    scene.collect(BAD)
    assert scene.counted() == before
    assert [(row.id, row.state) for row in scene.tickets()] == tickets
    assert {alert.state for alert in scene.alerts()} == {"firing"}
    assert len(list((scene.folder / "state" / "outbox").glob("*.eml"))) == 1


def test_rows_of_a_clock_that_was_not_set_or_runs_ahead_make_no_windows(scene: Scene) -> None:
    rows = rows_of(BAD)
    rows.loc[0, "at"], rows.loc[1, "at"] = (
        pd.Timestamp(text, tz="UTC") for text in ("1970-01-01", "2099-01-01")
    )
    found = spoilt(scene, rows)
    assert found.models["ill"]["notes"] == [
        "predictions: 1 row of log-010.parquet is dated before 2000 and was left out: was a clock not set?"
    ]
    assert (min(scene.windows()), scene.values("quality.rows")[BAD].value.value) == (0, A_DAY - 2)
    assert max(scene.windows()) <= BAD + 1


def test_an_empty_window_is_marked_and_the_days_around_it_are_whole(scene: Scene) -> None:
    before = scene.counted()
    scene.write("ill", BAD + 1)
    found = scene.collect(BAD + 1)
    goes_on(scene, found, before)
    assert scene.windows()[BAD].notes == {"empty": True}
    assert BAD not in scene.values("performance.log_loss") or (
        scene.values("performance.log_loss")[BAD].value.value is None
    )
    assert scene.values("quality.rows")[BAD + 1].value.value == A_DAY


def test_a_feed_that_stopped_opens_a_ticket(scene: Scene) -> None:
    found = scene.collect(BAD + 1)
    assert found.code == 0
    (ticket,) = scene.tickets()
    assert (ticket.kind, ticket.severity, ticket.title) == ("fix_service", "critical", "No rows have come")


# ---- configuration


def test_five_mistakes_of_a_configuration_are_told_at_once_with_their_lines(scene: Scene) -> None:
    before = scene.counted()
    text = scene.config.read_text()
    for right, wrong in (
        ("state_dir: state", "state_dirr: state"),
        ("kind: file", "kind: fille"),
        ("service_grain: 1d", "service_grain: 1x"),
        ("maturity: 1d", "maturity: soon"),
        ("unit: percent", "unti: percent"),
    ):
        assert right in text
        text = text.replace(right, wrong, 1)
    path = scene.folder / "wrong.yaml"
    path.write_text(text)
    result = CliRunner().invoke(app, ["collect", "-c", str(path), "--json"])
    told = str(result.exception)
    assert "The configuration has 5 mistakes:" in told
    lines = text.splitlines()
    for wrong in ("state_dirr", "fille", "1x", "soon", "unti"):
        number = next(at for at, line in enumerate(lines, 1) if wrong in line)
        assert f"wrong.yaml:{number}: " in told, wrong
    for near in ("state_dir", "file", "unit"):
        assert f"did you mean {near}?" in told
    assert scene.counted() == before
