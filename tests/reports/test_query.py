"""Who asks for a number gets the stored one, or the one that would have been stored."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sqlalchemy import delete, update

from core.config import Project, load
from core.errors import GoalkeeperError
from core.profile import merge_all
from core.values import MetricPoint, ValueState
from core.windows import Grain
from metrics.base import Subject
from metrics.registry import all_metrics
from reports.query import Query
from store import grids
from store.database import Store
from store.normal import kept_maturity
from store.tables import MetricRow, ProfileRow, WindowRow
from tests.goalkeeper import small

DAY = timedelta(days=1)
START, END = small.START, small.START + small.DAYS * DAY


def collect(
    folder: Path, rounds: tuple[datetime, ...] = (small.NOW,), **model: object
) -> tuple[Project, Store]:
    """Collect a small project of its own, with more or other keys of the model; None takes a key away."""
    path = small.write(folder)
    body = yaml.safe_load(path.read_text())
    for key, value in model.items():
        if value is None:
            body["models"]["lead"].pop(key)
        else:
            body["models"]["lead"][key] = value
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    for now in rounds:
        _project, store, result = small.collect(path, now)
        assert not result.failed, result
        store.close()
    project = load(path)
    return project, Store.open(project.store.reveal())


def recomputed(query: Query, now: datetime = small.NOW) -> tuple[list[MetricPoint], list[MetricPoint]]:
    """Return all stored points, and the same ones asked for after the stored ones were thrown away."""
    kept = query.stored("lead")
    with query.store.write() as session:
        session.execute(delete(MetricRow))
    asked = sorted({(p.metric, p.version, p.segment, p.column, p.window.grain) for p in kept})
    found: list[MetricPoint] = []
    for metric, version, segment, column, grain in asked:
        found += query.series(
            "lead", metric, version=version, segment=segment, column=column, grain=grain, since=START,
            until=END + DAY, now=now,
        )  # fmt: skip
    return kept, found


def facts(points: list[MetricPoint]) -> dict[tuple[object, ...], tuple[object, ...]]:
    return {
        (p.metric, p.version, p.segment, p.column, p.window): (
            p.value.value, p.value.lower, p.value.upper, p.value.n, p.value.numerator, p.value.denominator,
            p.value.state, p.value.reason, p.final,
        )
        for p in points
    }  # fmt: skip


def assert_same(kept: list[MetricPoint], found: list[MetricPoint]) -> None:
    assert kept
    stored, computed = facts(kept), facts(found)
    differing = {key: (stored[key], computed.get(key)) for key in stored if computed.get(key) != stored[key]}
    assert not differing, dict(list(differing.items())[:3])


@pytest.fixture(
    params=[
        {},
        {"reference": {"rolling": "7d"}},
        {"reference": None, "ground_truth": {
            "path": "truth.parquet", "columns": {"id": "id", "time": "known_at", "label": "y"},
        }},
    ],
    ids=["range", "rolling", "first windows, learnt maturity"],
)  # fmt: skip
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Query]:
    project, store = collect(tmp_path, **request.param)
    yield Query(store=store, project=project)
    store.close()


def test_a_recomputed_metric_equals_the_stored_one(own: Query) -> None:
    assert_same(*recomputed(own))


def test_a_learnt_maturity_says_which_windows_are_immature(tmp_path: Path) -> None:
    truth = {"path": "truth.parquet", "columns": {"id": "id", "time": "known_at", "label": "y"}}
    project, store = collect(tmp_path, ground_truth=truth)
    query, model = Query(store=store, project=project), project.models["lead"]
    with store.read() as session:
        maturity, windows = kept_maturity(session, "lead")
    last = max(query.stored("lead", metric="business.conversion"), key=lambda p: p.window.start).window

    assert maturity > timedelta()
    assert windows == 28
    assert query.stage(model, last, last.end + maturity - timedelta(seconds=1)) != "final"
    assert query.stage(model, last, last.end + maturity) == "final"
    store.close()


def test_a_rolling_reference_is_what_lay_before_the_window(tmp_path: Path) -> None:
    project, store = collect(tmp_path, reference={"rolling": "7d"})
    query = Query(store=store, project=project)
    at = START + 14 * DAY
    before = merge_all(query.merged("lead", since=at - 7 * DAY, until=at).values(), grid_set=_grid_set(query))
    point = query.value("lead", "drift.psi", column="age", since=at, until=at + DAY, now=small.NOW)
    reading = query.merged("lead", since=at, until=at + DAY)

    with store.read() as session:
        grid = grids.grid_set(session, _grid_set(query))
    expected = all_metrics()["drift.psi"].compute(
        Subject(
            profile=merge_all(reading.values(), grid_set=grid.id), grids=grid, now=small.NOW,
            window=point.window, zone=project.zone, reference=before, task=project.models["lead"].task,
            maturity=DAY, column="age",
        )
    )  # fmt: skip
    assert point.value.value == expected.value
    assert expected.value is not None
    store.close()


def _grid_set(query: Query) -> str:
    (found,) = {key.grid_set for key in query.merged("lead", since=START, until=END)}
    return found


def test_a_week_is_the_merge_of_its_days(query: Query) -> None:
    asked = {"since": START, "until": END, "now": small.NOW}
    days = query.series("lead", "business.conversion", **asked)
    weeks = query.series("lead", "business.conversion", grain=Grain.WEEK, **asked)

    assert len(weeks) == 4
    for week in weeks:
        inside = [d for d in days if week.window.start <= d.window.start < week.window.end]
        assert len(inside) == 7
        assert week.value.numerator == sum(d.value.numerator or 0 for d in inside)
        assert week.value.denominator == sum(d.value.denominator or 0 for d in inside)
        assert week.window.grain is Grain.WEEK


def test_hours_of_a_model_that_is_counted_by_the_day_are_no_whole_days(query: Query) -> None:
    found = query.series("lead", "service.requests", grain=Grain.HOUR, since=START, until=END, now=small.NOW)
    assert found == []


@pytest.mark.parametrize("metric", ["drift.psi", "drift.wasserstein"])
def test_what_is_not_stored_is_computed(query: Query, metric: str) -> None:
    place = {"segment": "region=north", "column": "age"}
    assert query.stored("lead", metric=metric, **place) == []

    found = query.series("lead", metric, since=START, until=END, now=small.NOW, **place)

    assert len(found) == small.DAYS
    values = [point.value.value for point in found]
    assert all(value is not None and value >= 0 for value in values)
    whole = query.series("lead", metric, since=START, until=END, now=small.NOW, column="age")
    assert values != [point.value.value for point in whole]


def test_a_segment_is_compared_with_its_own_past(tmp_path: Path, query: Query) -> None:
    """Ages differ by region, and stay so: no drift inside a region."""
    path = small.write(tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log["age"] += (log["region"] == "north") * 60
    log.to_parquet(tmp_path / "log.parquet", index=False)
    project, store, _result = small.collect(path)
    own = Query(store=store, project=project)
    point = own.value(
        "lead", "drift.psi", segment="region=north", column="age", since=START + 20 * DAY, until=END,
        now=small.NOW,
    )  # fmt: skip

    assert point.value.value is not None
    assert point.value.value < 0.2
    store.close()


def test_one_value_covers_a_whole_range(query: Query) -> None:
    days = query.series("lead", "service.requests", since=START, until=START + 5 * DAY, now=small.NOW)
    point = query.value("lead", "service.requests", since=START, until=START + 5 * DAY, now=small.NOW)

    assert point.value.value == sum(day.value.value or 0 for day in days) == 5 * small.A_DAY


def test_an_empty_range_says_so(query: Query) -> None:
    past = START - 30 * DAY

    assert query.series("lead", "drift.psi", since=past, until=past + 7 * DAY, now=small.NOW) == []
    assert query.series("lead", "drift.psi", since=START, until=START, now=small.NOW) == []
    point = query.value("lead", "drift.psi", column="age", since=past, until=past + DAY, now=small.NOW)
    assert point.value.value is None
    assert point.value.reason == "Nothing was collected in this range."


def test_windows_of_two_grid_sets_are_not_comparable(tmp_path: Path) -> None:
    project, store = collect(tmp_path)
    query = Query(store=store, project=project)
    old = _grid_set(query)
    with store.write() as session:  # the first days were counted before a regrid
        kept = grids.grid_set(session, old)
        without_score = replace(kept, score=None)
        grids.save_grid_set(session, "lead", without_score, small.NOW)
        for table in (ProfileRow, WindowRow):
            early = update(table).where(table.grain == "1d", table.start < START + 3 * DAY)
            session.execute(early.values(grid_set=without_score.id))
    asked = {"column": "age", "since": START, "until": START + 14 * DAY, "now": small.NOW}

    first, second = query.series("lead", "drift.wasserstein", grain=Grain.WEEK, **asked)
    assert (first.value.value, first.value.state) == (None, ValueState.ERROR)
    assert "different grids: not comparable" in first.value.reason
    assert second.value.value is not None
    days = query.series("lead", "drift.wasserstein", **asked)
    assert [day.value.value is None for day in days] == [True] * 3 + [False] * 11
    store.close()


def test_heat_puts_the_column_that_moved_last_first(query: Query) -> None:
    heat = query.heat("lead", "drift.jensen_shannon", since=START, until=END)

    assert set(heat.columns) >= {"age", "region"}
    assert len(heat.windows) == small.DAYS
    means = [sum(v for v in row[-7:] if v is not None) for row in heat.values]
    assert means == sorted(means, reverse=True)
    nothing = query.heat("lead", "drift.jensen_shannon", since=START - 9 * DAY, until=START)
    assert (nothing.columns, nothing.windows, nothing.values) == ((), (), ())


def test_an_earlier_time_knows_stored_values_only(query: Query) -> None:
    asked = {"since": START, "until": END, "now": small.NOW, "as_of": START}

    assert query.series("lead", "business.conversion", **asked) == []
    assert query.series("lead", "drift.wasserstein", column="age", **asked) == []


def test_an_unknown_model_is_named_with_those_that_are(query: Query) -> None:
    with pytest.raises(GoalkeeperError, match=r"There is no model 'leed'.") as told:
        query.series("leed", "drift.psi", since=START, until=END, now=small.NOW)
    assert told.value.hint == "Known models: lead."


def test_a_metric_has_its_unit(query: Query) -> None:
    assert query.unit("lead", "business.conversion") == "percent"
    assert query.unit("lead", "performance.roc_auc") == query.declared()["performance.roc_auc"].unit
    assert query.unit("lead", "business.nothing") == "none"
    assert query.is_known("lead", "business.conversion")
    assert not query.is_known("lead", "business.nothing")
