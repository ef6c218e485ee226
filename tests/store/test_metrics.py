"""Values: written once, restated in the open."""

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from core.values import MetricPoint, ValueState
from core.windows import Grain, Window
from store.metrics import history, points, save_points
from store.runs import start_run
from store.tables import MetricRow
from tests.store.made import DAY, HOUR, NOON, ORIGIN, RUN, START, day, point


def save(store, *found, now=NOON, why="late labels", run_id=None):
    with store.write() as session:
        return save_points(session, found, run_id=run_id, now=now, why=why)


def read(store, **asked):
    with store.read() as session:
        return points(session, "lead", **asked)


def facts(found):
    return [(one.window.start, one.metric, one.value.value) for one in found]


def test_it_gives_back_what_was_saved(store):
    saved = point(
        value=0.25, lower=0.2, upper=0.3, n=2**40, state=ValueState.IMMATURE, reason="ждём ответов",
        final=False, version="v2", segment="region=nörth", column="größe",
    )  # fmt: skip
    assert save(store, saved) == 1
    assert read(store, version="v2", segment="region=nörth", column="größe") == [
        dataclasses.replace(saved, computed_at=NOON)
    ]


def test_a_value_says_which_pass_it_came_from(store):
    with store.write() as session:
        run = start_run(session, "lead", **RUN)
    save(store, point(), run_id=run.id)
    save(store, point(1))
    assert [one.origin for one in read(store)] == [ORIGIN, None]


def test_values_of_many_passes_cost_no_more_questions_than_those_of_one(store):
    asked = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *what: asked.append(what[2]))
    for at in range(12):
        with store.write() as session:
            run = start_run(session, "lead", **RUN)
        save(store, point(at), run_id=run.id)
    asked.clear()
    found = read(store)
    assert len(found) == 12 and all(one.origin == ORIGIN for one in found)
    assert sum(one.startswith("SELECT") for one in asked) == 2


def test_saving_the_same_again_writes_nothing(store):
    assert save(store, point(0), point(1)) == 2
    assert save(store, point(0), point(1), now=NOON + HOUR) == 0
    assert [one.computed_at for one in read(store)] == [NOON, NOON]


@pytest.mark.parametrize(
    "change",
    [
        {"value": 0.6}, {"value": None}, {"lower": 0.1}, {"upper": 0.9}, {"n": 101},
        {"state": ValueState.IMMATURE}, {"reason": "said otherwise"}, {"final": False},
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_fact_restates_the_value(store, change):
    save(store, point())
    assert save(store, point(**change), now=NOON + HOUR) == 1
    assert len(read(store)) == 1 and read(store)[0].why == "late labels"


def test_earlier_values_stay_with_time_and_reason(store):
    save(store, point(value=0.5), why="first")
    save(store, point(value=0.6), why="late labels", now=NOON + HOUR)
    with store.read() as session:
        old, new = history(session, "lead", "performance.roc_auc", day(0))
    assert (old.value.value, old.superseded_at, old.why) == (0.5, NOON + HOUR, "")
    assert (new.value.value, new.superseded_at, new.why) == (0.6, None, "late labels")


def test_as_of_shows_what_stood_then(store):
    save(store, point(0, 0.5), point(1, 0.1))
    save(store, point(0, 0.6), now=NOON + HOUR)
    assert facts(read(store, as_of=NOON)) == facts([point(0, 0.5), point(1, 0.1)])
    assert facts(read(store, as_of=NOON + HOUR)) == facts([point(0, 0.6), point(1, 0.1)])
    assert read(store, as_of=NOON - HOUR) == []


def test_a_value_restated_at_the_very_time_of_the_first_one_stands_alone(store):
    save(store, point(value=0.5))
    save(store, point(value=0.6))
    assert facts(read(store, as_of=NOON)) == facts([point(value=0.6)])


def test_of_a_place_named_twice_the_last_one_counts(store):
    assert save(store, point(value=0.5), point(value=0.6)) == 1
    assert save(store, point(value=0.7), point(value=0.6), now=NOON + HOUR) == 0
    assert facts(read(store)) == facts([point(value=0.6)])


def test_numbers_of_numpy_are_plain_numbers_and_nan_is_none(store):
    saved = point(value=np.float32(0.5), lower=float("nan"), n=np.int64(7))
    assert save(store, saved) == 1
    assert save(store, saved) == 0
    (found,) = read(store)
    assert (found.value.value, found.value.lower, found.value.n) == (0.5, None, 7)


def test_it_filters_by_place_and_none_means_any(store):
    places = [{}, {"version": "v1"}, {"segment": "region=north"}, {"column": "age"}, {"metric": "drift.js"}]
    save(store, *(point(**place) for place in places))
    assert len(read(store)) == 2  # both metrics, everything pooled
    assert len(read(store, metric="drift.js")) == 1
    assert len(read(store, metrics=["drift.js", "performance.roc_auc"])) == 2
    assert len(read(store, metrics=[])) == 0
    assert [one.version for one in read(store, version="v1")] == ["v1"]
    assert len(read(store, version=None)) == 3
    assert len(read(store, version=None, segment=None, column=None)) == 5


def test_it_filters_by_grain_and_by_the_start_of_windows(store):
    hour = Window(start=START, end=START + HOUR, grain=Grain.HOUR)
    save(store, point(0), point(1), point(2), point(window=hour))
    assert len(read(store)) == 4
    assert [one.window for one in read(store, grain="1h")] == [hour]
    assert [one.window for one in read(store, grain=Grain.DAY, since=day(1).start, until=day(2).start)] == [
        day(1)
    ]


def test_another_model_is_left_alone(store):
    save(store, point(value=0.5), point(value=0.5, model="churn"))
    save(store, point(value=0.6), now=NOON + HOUR)
    with store.read() as session:
        assert [one.value.value for one in points(session, "churn")] == [0.5]


def test_a_naive_time_is_refused(store):
    with pytest.raises(Exception, match="naive time"):
        read(store, since=datetime(2026, 1, 1))


def test_times_of_any_zone_are_the_same_moment_in_utc(store):
    zone = ZoneInfo("Europe/Moscow")
    window = Window(start=START.astimezone(zone), end=(START + DAY).astimezone(zone), grain=Grain.DAY)
    save(store, point(window=window))
    assert save(store, point(0)) == 0
    assert read(store)[0].window.start.utcoffset().total_seconds() == 0


def test_thousands_of_values_are_compared_by_one_query_a_chunk(store):
    """Cost is counted in statements, not in time."""
    many = [point(at, at / 1000, metric=f"m{one}") for at in range(30) for one in range(100)]
    save(store, *many)
    ran = []
    with store.write() as session:
        sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *given: ran.append(given[2]))
        assert save_points(session, many, run_id=None, now=NOON, why="") == 0
        changed = [dataclasses.replace(one, final=False) for one in many]
        assert save_points(session, changed, run_id=None, now=NOON, why="") == 3000
    assert len([one for one in ran if one.startswith("SELECT")]) == 2
    assert len([one for one in ran if one.startswith("UPDATE")]) == 1


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=64)
found_points = st.lists(
    st.builds(
        point, at=st.integers(0, 2), value=numbers, metric=st.sampled_from(["a", "b"]), lower=numbers,
        n=st.integers(0, 2**50), final=st.booleans(), column=st.sampled_from(["", "age"]),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=found_points, second=found_points)
def test_law_of_saving(store, first, second):
    """Twice is once; what stands is what was said last; what stood before is told by its time."""
    with store.write() as session:
        session.execute(delete(MetricRow))
        save_points(session, first, run_id=None, now=NOON, why="")
        assert save_points(session, first, run_id=None, now=NOON, why="") == 0
        stood = _by_place(points(session, "lead", version=None, segment=None, column=None))
        assert stood == _by_place(first)
        save_points(session, second, run_id=None, now=NOON + HOUR, why="")
        stands = points(session, "lead", version=None, segment=None, column=None)
        before = points(session, "lead", version=None, segment=None, column=None, as_of=NOON)
    assert _by_place(stands) == stood | _by_place(second) and len(stands) == len(_by_place(stands))
    assert _by_place(before) == stood


def _by_place(found: list[MetricPoint]) -> dict[tuple, tuple]:
    return {(one.window, one.metric, one.column): (one.value, one.final) for one in found}
