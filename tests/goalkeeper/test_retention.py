"""Rolling up: what becomes of hours and days that got old, what never does, and who still sees them."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.rules.relative import FOUR_WEEKS
from alerts.series import Accepted
from core.codec import encode
from core.profile import ProfileKey
from core.values import MetricPoint
from core.windows import Grain, window_at
from goalkeeper.jobs import retention as job
from goalkeeper.jobs.passes import run_pass
from reports.export import export_points
from reports.query import Query
from store import alerts, metrics, profiles, retention, settings, windows
from store.database import Store
from store.leases import LostLeaseError, lost
from store.sizes import sizes, whole
from store.tables import TraceRow, WindowRow
from tests.goalkeeper import small
from tests.goalkeeper.test_commands import printed, run

DAY = timedelta(days=1)
WEEK = 7 * DAY
LOOK_BACK = dict(retention.LOOK_BACK)
LATER = small.START + 36 * DAY
"""The look-back is then 14 days, the maturity one and rules look two back: the first two weeks may go."""


@pytest.fixture(autouse=True)
def _short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rules look back at two days (or a day of hours) only, so that a month of logs will do."""
    for grain, count in ((Grain.HOUR, 24), (Grain.DAY, 2)):
        monkeypatch.setitem(retention.LOOK_BACK, grain, count)


def make(folder: Path, store: str = "sqlite:///gk.db", **model: Any) -> Path:
    """Write the small project, without its goal, so that everything older than a day rolls up."""
    path = small.write(folder, store)
    body = yaml.safe_load(path.read_text())
    body["retention"] = {"base": "1d", "daily": "1d"}
    body["models"]["lead"] |= {"goals": []} | model
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with hours of service, collected; nobody may change it."""
    path = make(tmp_path_factory.mktemp("daily"), service_grain="1h")
    _project, store, result = small.collect(path)
    store.close()
    assert not result.failed, result
    return path


class Kept:
    """A project and its store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.project, self.store = small.opened(path)

    def retain(self, now: datetime = LATER, store: Store | None = None) -> list[job.Step]:
        return job.retain(project=self.project, name="lead", store=store or self.store, now=now)

    def collect(self, now: datetime = LATER) -> Any:
        found = run_pass(project=self.project, store=self.store, now=now, models=["lead"])
        assert not found.failed, found
        return found

    def windows(self, grain: Grain) -> list[WindowRow]:
        with self.store.read() as session:
            return windows.windows(session, "lead", grain)

    def cells(self, grain: Grain) -> dict[ProfileKey, Any]:
        with self.store.read() as session:
            return dict(profiles.profiles(session, "lead", grain, small.START - WEEK, LATER))

    def points(self, **asked: Any) -> list[MetricPoint]:
        with self.store.read() as session:
            return metrics.points(session, "lead", **asked)

    def series(self, metric: str, *, since: datetime = small.START, **more: Any) -> list[MetricPoint]:
        query = Query(store=self.store, project=self.project)
        return query.series("lead", metric, since=since, until=small.NOW, now=LATER, **more)

    def state(self) -> list[Any]:
        """Return all that rolling up writes, to be compared."""
        rows = [(w.grain, w.start, w.profile_digest, w.computed) for g in Grain for w in self.windows(g)]
        held = [cell for grain in Grain for cell in self.cells(grain).items()]
        cells = [(key, encode(cell.inputs), encode(cell.outcomes)) for key, cell in held]
        points = self.points(version=None, segment=None, column=None)
        return [rows, cells, [(p.window, p.metric, p.version, p.segment, p.column, p.value) for p in points]]


@pytest.fixture
def kept(daily: Path, tmp_path: Path) -> Iterator[Kept]:
    shutil.copytree(daily.parent, tmp_path / "own")
    found = Kept(tmp_path / "own" / daily.name)
    yield found
    found.store.close()


def test_days_become_weeks_with_the_same_counts_on_both_databases(tmp_path: Path, store_url: str) -> None:
    found = Kept(make(tmp_path, store_url, service_grain="1h"))
    found.collect(small.NOW)
    days, hours = found.cells(Grain.DAY), found.windows(Grain.HOUR)

    first, second = found.retain()

    assert (first.grain, first.into, first.made) == (Grain.HOUR, Grain.DAY, False)
    assert (second.grain, second.into, second.windows) == (Grain.DAY, Grain.WEEK, 14)
    assert [one.start for one in found.windows(Grain.WEEK)] == [small.START, small.START + WEEK]
    assert [one.start for one in found.windows(Grain.DAY)] == [
        small.START + at * DAY for at in range(14, small.DAYS)
    ]
    assert found.windows(Grain.HOUR) == [one for one in hours if one.start >= small.START + 18 * DAY]
    weeks = found.cells(Grain.WEEK)
    for key, week in weeks.items():
        own = [
            cell
            for day, cell in days.items()
            if (day.version, day.role, day.segment) == (key.version, key.role, key.segment)
            and key.start <= day.start < key.start + WEEK
        ]
        assert len(own) == 7
        assert week.inputs.rows == sum(cell.inputs.rows for cell in own)
        assert week.outcomes.labelled == sum(cell.outcomes.labelled for cell in own)
        assert (week.inputs.columns["age"].counts == sum(c.inputs.columns["age"].counts for c in own)).all()
    assert {(key.version, key.segment) for key in weeks} == {
        ("v1", segment) for segment in ("", "region=north", "region=south")
    }
    assert min(key.start for key in found.cells(Grain.DAY)) == small.START + 14 * DAY
    with found.store.read() as session:
        (size,) = sizes(session)
        assert whole(session) > size.bytes
    by_grain = {one.grain: one.profile_bytes for one in size.grains}
    assert by_grain["1w"] == sum(len(encode(p.inputs)) + len(encode(p.outcomes)) for p in weeks.values())
    found.store.close()


def test_the_values_of_a_week_are_those_of_its_counts(kept: Kept) -> None:
    before = kept.series("business.conversion", grain=Grain.WEEK)
    assert kept.retain()
    stored = kept.points(metric="business.conversion", grain=Grain.WEEK)
    assert [p.value for p in stored] == [p.value for p in before[:2]]
    assert all(p.final and p.origin is not None for p in stored)
    assert kept.points(metric="drift.jensen_shannon", grain=Grain.WEEK, column="age", version="v1")
    assert kept.points(metric="service.latency_p95_ms", grain=Grain.WEEK, segment="")


def test_charts_and_exports_show_weeks_where_the_days_are_gone(kept: Kept) -> None:
    before = kept.series("business.conversion")
    kept.retain()
    for metric in ("business.conversion", "quality.rows", "drift.psi"):  # the last one is never stored
        found = kept.series(metric, column=None if metric == "drift.psi" else "")
        starts = sorted({point.window.start for point in found})
        assert starts == [small.START, small.START + WEEK, *(small.START + at * DAY for at in range(14, 28))]
    after = kept.series("business.conversion")
    assert [p.window.grain for p in after] == [Grain.WEEK] * 2 + [Grain.DAY] * 14
    assert sum(p.value.denominator or 0 for p in after) == sum(p.value.denominator or 0 for p in before)
    (inside,) = kept.series("business.conversion", since=small.START + 10 * DAY)[:1]
    assert inside.window.start == small.START + WEEK, "a range that begins in a week shows that week"
    weeks = kept.series("business.conversion", grain=Grain.WEEK)
    assert [p.window.start for p in weeks] == [small.START + at * WEEK for at in range(4)]
    whole = Query(store=kept.store, project=kept.project).value(
        "lead", "business.conversion", since=small.START, until=small.NOW, now=LATER
    )
    assert whole.value.denominator == sum(p.value.denominator or 0 for p in before)
    rows = export_points(kept.store, kept.project, models=["lead"], now=LATER, metric="drift.psi")
    assert {row.values[5] for row in rows} == {"1w", "1d"}
    heat = Query(store=kept.store, project=kept.project).heat(
        "lead", "drift.jensen_shannon", since=small.START, until=small.NOW
    )
    assert [window.grain for window in heat.windows[:3]] == [Grain.WEEK, Grain.WEEK, Grain.DAY]


def test_a_day_that_a_page_picked_and_that_is_gone_is_its_week(kept: Kept) -> None:
    from dashboard.data import kept_window

    kept.retain()
    model, zone = kept.project.models["lead"], kept.project.zone
    context: Any = SimpleNamespace(store=kept.store, zone=zone)
    for at, grain in ((3, Grain.WEEK), (20, Grain.DAY)):
        found = kept_window(context, model, window_at(small.START + at * DAY, Grain.DAY, zone))
        assert found == window_at(small.START + at * DAY, grain, zone)
    assert kept_window(context, model, None) is None


def test_hours_that_are_gone_are_shown_by_their_days(kept: Kept) -> None:
    kept.retain()
    found = kept.series("service.requests", grain=Grain.HOUR)
    assert [p.window.grain for p in found[:8]] == [Grain.WEEK] * 2 + [Grain.DAY] * 4 + [Grain.HOUR] * 2


def test_a_second_time_and_the_next_pass_find_nothing_to_do(kept: Kept) -> None:
    kept.collect()
    with kept.store.read() as session:
        before = [(row.id, row.state, row.since, row.until) for row in alerts.alerts(session, "lead")]
    assert before
    kept.retain()
    state = kept.state()
    assert kept.retain() == []
    done = kept.collect(LATER + DAY)
    assert (done.models[0].windows, done.models[0].points) == (0, 0)
    assert kept.state() == state
    with kept.store.read() as session:
        after = [(row.id, row.state, row.since, row.until) for row in alerts.alerts(session, "lead")]
    assert after == before


@pytest.mark.parametrize("reference", [{"from": "2026-03-02", "to": "2026-03-20"}, {"path": "ref.parquet"}])
def test_alerts_of_days_that_are_gone_stay_as_they_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str]
) -> None:
    """With the file, which knows no times, rules learn from days that are rolled up."""
    monkeypatch.setattr(retention, "LOOK_BACK", LOOK_BACK | {Grain.DAY: 14})
    path = make(tmp_path, reference=reference)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log.drop(columns=["at"]).to_parquet(tmp_path / "ref.parquet")
    more = [log.assign(at=log["at"] + pd.Timedelta(days=28 * at), id=log["id"] + f"-{at}") for at in (1, 2)]
    rest = pd.concat(more).assign(status="ok")
    rest.loc[(rest["at"] >= "2026-05-18") & (rest.index % 2 == 0), "status"] = "error"
    pd.concat([log, rest]).to_parquet(tmp_path / "log.parquet", index=False)
    found = Kept(path)
    now = small.START + 84 * DAY + timedelta(hours=6)
    found.collect(now)

    def told() -> list[tuple[Any, ...]]:
        with found.store.read() as session:
            rows = alerts.alerts(session, "lead")
            return sorted((row.id, row.rule, row.state, row.since, row.until, row.reason) for row in rows)

    before = told()
    early = [row for row in before if row[1] == "service.error_share" and row[3] < small.START + 4 * WEEK]
    late = [row for row in before if row[1] == "service.error_share" and row[2] == "firing"]
    assert early and (late or "path" in reference)
    steps = found.retain(now)
    assert [step.windows for step in steps] == [49]
    found.collect(now)
    assert told() == before
    found.store.close()


@pytest.mark.parametrize("writes", [0, 3, 19])
def test_ended_at_any_write_nothing_is_lost_or_doubled(kept: Kept, tmp_path: Path, writes: int) -> None:
    shutil.copytree(kept.path.parent, tmp_path / "whole")
    whole = Kept(tmp_path / "whole" / kept.path.name)
    whole.retain()
    left = [writes]

    def end(session: Session) -> None:
        if not left[0]:
            raise lost("model lead", "another")
        left[0] -= 1

    with pytest.raises(LostLeaseError):
        kept.retain(store=kept.store.guarded(end))
    kept.collect(LATER)  # a pass between
    whole.collect(LATER)
    kept.retain()
    assert kept.state() == whole.state()
    whole.store.close()


def test_of_each_series_stay_the_values_that_rules_learn_from(kept: Kept) -> None:
    kept.retain()
    days = kept.points(metric="business.conversion", grain=Grain.DAY)
    left = [point.window.start for point in days if point.window.start < small.START + 14 * DAY]
    assert left == [small.START + at * DAY for at in range(7)], "four, and the rest of their week"
    assert not kept.points(
        metric="business.conversion", grain=Grain.DAY, version="v1", until=small.START + WEEK
    )


def test_contrasts_of_days_that_are_gone_go_with_them(kept: Kept) -> None:
    kept.retain()
    with kept.store.read() as session:
        held = set(session.scalars(select(TraceRow.start).where(TraceRow.model == "lead")))
        days = {row.start for row in windows.windows(session, "lead", Grain.DAY)}
    assert held
    assert held <= days


def test_rules_look_no_farther_back_than_is_protected() -> None:
    assert LOOK_BACK == FOUR_WEEKS


def test_what_somebody_accepted_as_normal_stays_to_be_learnt_from(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = small.START + 9 * DAY
    level = Accepted(since=accepted, at=LATER)
    monkeypatch.setattr(job, "accepted_keys", lambda _session, _name: {"key": level})
    kept.retain()
    days = {point.window.start for point in kept.points(metric="business.conversion", grain=Grain.DAY)}
    assert {accepted + at * DAY for at in range(4)} <= days


def test_a_goal_keeps_its_days_from_its_start_on(kept: Kept) -> None:
    body = yaml.safe_load(kept.path.read_text())
    goal = {"kpi": "conversion", "baseline": 0.4, "target": 0.6, "since": "2026-03-10", "by": "2026-12-31"}
    body["models"]["lead"]["goals"] = [goal]
    kept.path.write_text(yaml.safe_dump(body, sort_keys=False))
    goals = Kept(kept.path)
    goals.retain(LATER + 300 * DAY)
    assert [one.start for one in goals.windows(Grain.WEEK)] == [small.START]
    goals.store.close()


def test_labels_that_may_still_come_keep_their_days(kept: Kept) -> None:
    (step,) = kept.retain(small.START + 23 * DAY)
    assert step.grain is Grain.HOUR


def test_days_on_other_bins_are_not_added_up(kept: Kept) -> None:
    with kept.store.write() as session:
        (row,) = windows.windows(session, "lead", Grain.DAY, small.START + 2 * DAY, small.START + 3 * DAY)
        windows.save_windows(session, [WindowRow(**dict(row._mapping) | {"grid_set": "another"})])  # type: ignore[attr-defined]
    kept.retain()
    assert [one.start for one in kept.windows(Grain.WEEK)] == [small.START + WEEK]
    found = kept.series("business.conversion")
    assert [p.window.grain for p in found] == [Grain.DAY] * 7 + [Grain.WEEK] + [Grain.DAY] * 14
    assert kept.retain() == []


def test_the_last_age_drops_weeks_and_they_are_not_collected_again(kept: Kept) -> None:
    kept.collect(small.NOW)
    kept.retain()
    body = yaml.safe_load(kept.path.read_text())
    body["retention"]["weekly"] = "25d"
    kept.path.write_text(yaml.safe_dump(body, sort_keys=False))
    again = Kept(kept.path)
    (step,) = again.retain()
    assert (step.grain, step.into, step.spans[0].start) == (Grain.WEEK, None, small.START)
    assert [one.start for one in again.windows(Grain.WEEK)] == [small.START + WEEK]
    assert again.collect().models[0].windows == 0
    again.store.close()


def test_hours_of_an_hourly_model_become_days_and_then_weeks(tmp_path: Path) -> None:
    found = Kept(make(tmp_path, grain="1h", service_grain="1h", segments=[]))
    found.collect(small.NOW)
    whole = found.series("business.conversion", grain=Grain.WEEK)
    first, second = found.retain()
    assert (first.into, first.made, second.into, second.windows) == (Grain.DAY, True, Grain.WEEK, 14)
    assert [w.start for w in found.windows(Grain.WEEK)] == [small.START, small.START + WEEK]
    assert len(found.windows(Grain.DAY)) == 5
    after = found.series("business.conversion", grain=Grain.WEEK)
    assert [p.value.denominator for p in after] == [p.value.denominator for p in whole]
    assert found.collect().models[0].windows == 0
    found.store.close()


@pytest.mark.parametrize("reference", [{"rolling": "3d"}, {"same_period": "last_year"}])
def test_what_was_compared_with_days_that_are_gone_stays_as_it_was(
    tmp_path: Path, reference: dict[str, str]
) -> None:
    found = Kept(make(tmp_path, reference=reference, segments=[]))
    found.collect(small.NOW)
    now = LATER + (3 if "rolling" in reference else 370) * DAY
    found.collect(now)
    days = found.points(metric="drift.jensen_shannon", grain=Grain.DAY, column="age")
    assert found.retain(now)
    done = found.collect(now)
    assert (done.models[0].windows, done.models[0].points) == (0, 0)
    left = found.points(metric="drift.jensen_shannon", grain=Grain.DAY, column="age")
    assert [p for p in days if p.window.start >= small.START + 14 * DAY] == [
        p for p in left if p.window.start >= small.START + 14 * DAY
    ]
    found.store.close()


def test_another_reference_is_compared_with_weeks_too(kept: Kept) -> None:
    kept.retain()
    body = yaml.safe_load(kept.path.read_text())
    body["models"]["lead"]["reference"] = {"from": "2026-03-03", "to": "2026-03-20"}
    kept.path.write_text(yaml.safe_dump(body, sort_keys=False))
    again = Kept(kept.path)
    (before, _second) = again.points(metric="drift.jensen_shannon", grain=Grain.WEEK, column="age")
    again.collect()
    (after, _second) = again.points(metric="drift.jensen_shannon", grain=Grain.WEEK, column="age")
    assert after.value != before.value and after.why == "configuration changed"
    again.store.close()


def test_serve_does_it_once_a_day(kept: Kept) -> None:
    from goalkeeper.scheduler import Work

    work = Work(project=kept.project, store=kept.store)
    work.retain()
    with kept.store.read() as session:
        first = settings.get(session, "retained:lead")
        assert first and not job.is_due(session, kept.project, "lead", datetime.fromisoformat(first))
        assert job.is_due(session, kept.project, "lead", datetime.fromisoformat(first) + DAY)
    work.retain()
    with kept.store.read() as session:
        assert settings.get(session, "retained:lead") == first


def test_prune_says_first_what_it_does(kept: Kept) -> None:
    now = LATER.isoformat()
    told = run(kept.path, "db", "prune", "--dry-run", "--now", now)
    assert "lead: 14 windows of 1d from 2 March 2026 to 16 March 2026: rolled up to 2 windows of 1w" in told
    assert "Nothing was done" in told
    assert not kept.windows(Grain.WEEK)
    done = printed(kept.path, "db", "prune", "--now", now)
    assert [(one["grain"], one["into"], one["coarser"], one["done"]) for one in done] == [
        ("1h", "1d", 0, True), ("1d", "1w", 2, True)
    ]  # fmt: skip
    assert len(kept.windows(Grain.WEEK)) == 2
    assert "nothing is old enough" in run(kept.path, "db", "prune", "--now", now)


def test_explain_finds_the_week_of_a_day_that_is_gone(kept: Kept) -> None:
    kept.retain()
    found = printed(kept.path, "explain", "business.conversion", "--window", "2026-03-11", "--version", "v1")
    assert found["window_start"].startswith("2026-03-09")


def test_stats_say_how_much_room_each_model_takes(kept: Kept) -> None:
    before = printed(kept.path, "db", "stats")
    kept.retain()
    after = printed(kept.path, "db", "stats")
    (model,) = after["models"]
    by_grain = {one["grain"]: one for one in model["grains"]}
    assert (by_grain["1w"]["windows"], by_grain["1d"]["windows"]) == (2, 14)
    cells = kept.cells(Grain.WEEK).values()
    written = sum(len(encode(cell.inputs)) + len(encode(cell.outcomes)) for cell in cells)
    assert by_grain["1w"]["profile_bytes"] == written
    assert model["columns"] == 3 and by_grain["reference"]["profile_bytes"] > 0
    assert model["bytes_per_column_window"] == pytest.approx(model["bytes"] / (3 * 16))
    assert model["bytes"] < before["models"][0]["bytes"] < after["bytes"]
    told = run(kept.path, "db", "stats")
    assert "for each column and window" in told and "KiB" in told
