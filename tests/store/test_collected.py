"""What a pass writes down: models, versions, windows, runs, parts of sources, rows that do not fit."""

import pytest

from core.windows import Grain
from store import models, quarantine, runs, slices, windows
from tests.store.made import DAY, HOUR, NOON, RUN, START, day, model, slice_of, window


def test_a_model_is_written_in_place_of_what_was_there(store):
    with store.write() as session:
        models.save_model(session, model("lead"))
        models.save_model(session, model("churn"))
    with store.write() as session:
        models.save_model(session, model("lead", title="Leads", features={"age": "categorical"}))
    with store.read() as session:
        assert [row.name for row in models.models(session)] == ["churn", "lead"]
        found = models.model(session, "lead")
        assert (found.title, found.features) == ("Leads", {"age": "categorical"})
        assert models.model(session, "nobody") is None


def test_only_new_versions_are_told_and_their_span_widens(store):
    with store.write() as session:
        assert models.see_versions(session, "lead", {"v1": (START, START + DAY)}, NOON) == ["v1"]
    with store.write() as session:
        seen = {"v1": (START + DAY, START + 3 * DAY), "v2": (START + 2 * DAY, START + 3 * DAY)}
        assert models.see_versions(session, "lead", seen, NOON + HOUR) == ["v2"]
        assert models.see_versions(session, "lead", {"v2": (START - DAY, START)}, NOON + HOUR) == []
    with store.read() as session:
        found = [(row.version, row.first_seen, row.last_seen) for row in models.versions(session, "lead")]
        assert models.versions(session, "churn") == []
    assert found == [("v2", START - DAY, START + 3 * DAY), ("v1", START, START + 3 * DAY)]


def test_windows_come_by_start_within_the_range(store):
    with store.write() as session:
        for at in (2, 0, 1):
            windows.save_window(session, window(at))
        windows.save_window(session, window(0, grain="1h", end=day(0).start + HOUR))
        windows.save_window(session, window(0, model="churn"))
    with store.read() as session:
        found = windows.windows(session, "lead", Grain.DAY)
        assert [row.start for row in found] == [day(at).start for at in range(3)]
        part = windows.windows(session, "lead", "1d", since=day(1).start, until=day(2).start)
        assert [row.start for row in part] == [day(1).start]
        assert windows.window(session, "lead", Grain.HOUR, day(0).start).end == day(0).start + HOUR
        assert windows.window(session, "lead", "1d", day(7).start) is None


def test_a_window_is_written_in_place_of_what_was_there(store):
    for mark in ("before", "after"):
        with store.write() as session:
            windows.save_window(session, window(inputs_mark=mark))
            windows.save_windows(session, [window(1, inputs_mark=mark), window(2, inputs_mark=mark)])
    with store.read() as session:
        found = [row.inputs_mark for row in windows.windows(session, "lead", "1d")]
    assert found == ["after"] * 3


def test_no_windows_at_all_are_saved_too(store):
    with store.write() as session:
        windows.save_windows(session, [])


def test_it_notes_what_a_window_was_computed_from(store):
    with store.write() as session:
        windows.save_windows(session, [window(0), window(1)])
        windows.mark_computed(session, "lead", Grain.DAY, day(0).start, "digest", "final")
    with store.read() as session:
        found = [(row.computed, row.stage) for row in windows.windows(session, "lead", "1d")]
    assert found == [("digest", "final"), ("", "open")]


def test_a_pass_is_noted_when_it_starts_and_when_it_ends(store):
    with store.write() as session:
        first = runs.start_run(session, "lead", **RUN)
        second = runs.start_run(session, "churn", **RUN)
    assert (first.state, first.finished_at) == ("running", None)
    with store.write() as session:
        runs.finish_run(
            session, first.id, state="failed", finished_at=NOON + HOUR, windows=2, rows=2**40, points=500,
            error="no such file", hint="Look.", sources={"predictions": "abc"},
        )  # fmt: skip
        runs.finish_run(session, 999, state="done", finished_at=NOON)
    with store.read() as session:
        assert [row.id for row in runs.runs(session)] == [second.id, first.id]
        assert [row.id for row in runs.runs(session, limit=1)] == [second.id]
        (found,) = runs.runs(session, "lead")
    assert (found.state, found.finished_at, found.rows, found.points) == ("failed", NOON + HOUR, 2**40, 500)
    assert (found.error, found.hint, found.sources) == ("no such file", "Look.", {"predictions": "abc"})


def test_parts_of_a_source_are_replaced_and_those_that_are_gone_forgotten(store):
    with store.write() as session:
        slices.save_slices(session, "lead", "predictions", [slice_of("a"), slice_of("b")])
        slices.save_slices(session, "lead", "ground_truth", [slice_of("a", source="ground_truth")])
    with store.write() as session:
        changed = [slice_of("b", mark="other"), slice_of("c")]
        slices.save_slices(session, "lead", "predictions", changed)
    with store.read() as session:
        found = {name: row.mark for name, row in slices.slices(session, "lead", "predictions").items()}
        assert list(slices.slices(session, "lead", "ground_truth")) == ["a"]
    assert found == {"b": "other", "c": "m"}


def test_a_part_that_did_not_change_keeps_when_it_was_seen(store):
    for at in (NOON, NOON + HOUR):
        with store.write() as session:
            slices.save_slices(session, "lead", "predictions", [slice_of("a", seen_at=at)])
    with store.read() as session:
        assert slices.slices(session, "lead", "predictions")["a"].seen_at == NOON


def test_a_thousand_parts_are_saved(store):
    names = [f"part-{at}" for at in range(1000)]
    for mark in ("m", "n"):
        with store.write() as session:
            slices.save_slices(session, "lead", "predictions", [slice_of(name, mark=mark) for name in names])
    with store.read() as session:
        found = slices.slices(session, "lead", "predictions")
    assert set(found) == set(names) and {row.mark for row in found.values()} == {"n"}


def test_rows_that_do_not_fit_are_kept_with_reason_and_count(store):
    with store.write() as session:
        for count in (3, 5):
            assert quarantine.add(
                session, "lead", source="predictions", reason="no time", row={"id": count}, now=NOON,
                count=count,
            )  # fmt: skip
        quarantine.add(
            session, "lead", source="predictions", reason="no time", row={}, now=NOON, window_start=START
        )
        quarantine.add(session, "churn", source="predictions", reason="no time", row={}, now=NOON)
    with store.read() as session:
        found = [(row.window_start, row.count, row.row) for row in quarantine.quarantined(session, "lead")]
    assert found == [(START, 1, {}), (None, 5, {"id": 5})]


def test_the_quarantine_is_bounded_for_each_model(store, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST", 3)

    def add(session, at: int, name: str = "lead") -> bool:
        return quarantine.add(session, name, source="s", reason=f"reason {at}", row={}, now=NOON)

    with store.write() as session:
        assert [add(session, at) for at in range(5)] == [True, True, True, False, False]
        assert add(session, 0)  # one that is known may still be counted
        assert add(session, 9, "churn")
        assert len(quarantine.quarantined(session, "lead")) == 3


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE model; --", "кириллица 🎯", "%s {0} :name", "line\nbreak", ""]
)
def test_any_text_is_a_name_like_another(store, text):
    with store.write() as session:
        models.save_model(session, model(text))
        models.see_versions(session, text, {text: (START, NOON)}, NOON)
    with store.read() as session:
        assert models.model(session, text).name == text
        assert [row.version for row in models.versions(session, text)] == [text]
