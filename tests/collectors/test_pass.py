"""One pass from the log to stored metrics: runs, marks, moving references, errors, interrupted writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from core.profile import merge_all
from core.roles import Role
from core.values import MetricPoint
from goalkeeper.jobs.measure import collect_and_compute
from goalkeeper.jobs.passes import ModelPass, run_pass
from store import goals, marks, metrics, models, profiles, runs
from tests.collectors.house import House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
NOW = datetime(2026, 2, 20, tzinfo=UTC)
LOG = log_rows(a_day=120, days=20, start=datetime(2026, 1, 1))
TRUTH = truth_rows(LOG)


@pytest.fixture
def watched(house: House) -> House:
    log, truth = (
        write(rows, "parquet", house.folder, name) for rows, name in ((LOG, "log"), (TRUTH, "truth"))
    )
    house.body = body(
        log, truth, segments=[], service_grain="1d", kpis={"conversion": {"numerator": "converted"}}
    )
    house.body["goals"] = [
        {"kpi": "conversion", "baseline": 0.1, "target": 0.9, "since": "2026-01-01", "by": "2026-12-31"}
    ]
    return house


def go(house: House, now: datetime = NOW, **more: Any) -> ModelPass:
    found = collect_and_compute(project=house.project, name="m", store=house.store, now=now, **more)
    with house.store.write() as session:  # as a whole pass does once the rules are judged
        runs.end_run(session, "m", finished_at=now)
    return found


def points(house: House, metric: str, column: str = "") -> list[MetricPoint]:
    with house.store.read() as session:
        return metrics.points(session, "m", metric=metric, column=column)


def test_a_pass_leaves_a_run_its_metrics_and_how_goals_stand(watched: House) -> None:
    found = go(watched, actor="somebody")
    with watched.store.read() as session:
        (run,) = runs.runs(session, "m")
        (goal,) = goals.current_goals(session, "m")
    assert (run.state, run.windows, run.rows, run.points) == ("done", 20, len(LOG), found.points)
    assert (run.actor, run.now, run.source) == ("somebody", NOW, "parquet")
    assert goal.state != "unknown"
    served = LOG[LOG["arm"] != "shadow"].drop_duplicates("id")
    known = served["id"].map(
        TRUTH.sort_values("closed_at").drop_duplicates("id", keep="last").set_index("id")["converted"]
    )
    kpi = points(watched, "business.conversion")
    assert sum(one.value.numerator or 0 for one in kpi) == (known == "1").sum()
    assert all(one.final for one in kpi)
    again = go(watched, NOW + timedelta(hours=1))
    assert (again.windows, again.points) == (0, 0)


def test_statements_are_explained(watched: House) -> None:
    said: list[str] = []
    go(watched, explain=said.append)
    assert sum("histogram" in one.lower() for one in said) >= 2
    assert all(one.rstrip().endswith(";") for one in said)


def test_progress_is_told(watched: House) -> None:
    told: list[tuple[str, int, int]] = []
    go(watched, progress=lambda what, done, total: told.append((what, done, total)))
    assert ("m: collecting", 20, 20) in told
    assert ("m: computing", 20, 20) in told


def test_a_window_that_ripens_is_computed_again(watched: House) -> None:
    early = datetime(2026, 1, 10, 12, tzinfo=UTC)
    go(watched, early)
    states = {one.window.start: one.value.state.value for one in points(watched, "business.conversion")}
    assert [states[start] for start in sorted(states)][-1] == "open"
    assert "immature" in states.values()
    go(watched)
    assert {one.value.state.value for one in points(watched, "business.conversion")} == {"ok"}


def test_one_model_that_fails_leaves_the_others_alone(watched: House) -> None:
    watched.project  # noqa: B018 - writes the file
    broken = watched.body | {
        "predictions": watched.body["predictions"] | {"path": str(watched.folder / "no.parquet")}
    }
    path = watched.folder / "goalkeeper.yaml"
    import yaml

    from core.config import load

    whole = yaml.safe_load(path.read_text())
    whole["models"] = {"broken": broken, "m": whole["models"]["m"]}
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    result = run_pass(project=load(path), store=watched.store, now=NOW, models=["broken", "m"], deliver=False)
    first, second = result.models
    assert "predictions: no file matches" in first.error
    assert "Paths start from the folder of goalkeeper.yaml" in first.error
    assert (second.error, second.windows) == ("", 20)
    assert result.failed
    with watched.store.read() as session:
        (run,) = runs.runs(session, "broken")
    assert run.state == "failed"
    assert run.hint == "Paths start from the folder of goalkeeper.yaml."


def test_a_new_version_is_marked_as_a_release(watched: House) -> None:
    rows = LOG.assign(version=["v1" if at < pd.Timestamp("2026-01-11") else "v2" for at in LOG["at"]])
    write(rows, "parquet", watched.folder, "log")
    go(watched)
    with watched.store.read() as session:
        found = [(one.kind, one.text, one.start) for one in marks.marks(session, "m")]
        seen = {one.version: one.first_seen for one in models.versions(session, "m")}
    assert found == [("release", "v2", seen["v2"])]
    assert (seen["v2"] + DAY / 2).date().isoformat() == "2026-01-11"
    go(watched, NOW + DAY)
    with watched.store.read() as session:
        assert len(marks.marks(session, "m")) == 1


def test_a_changed_split_of_the_traffic_is_marked(watched: House) -> None:
    late = LOG["at"] >= pd.Timestamp("2026-01-11")
    rows = LOG.assign(arm=LOG["arm"].where(~late | (LOG["arm"] != "champion"), "holdout"))
    write(rows, "parquet", watched.folder, "log")
    go(watched)
    with watched.store.read() as session:
        (mark,) = [one for one in marks.marks(session, "m") if one.kind == "traffic"]
    assert (mark.start + DAY / 2).date().isoformat() == "2026-01-11"
    assert mark.text.startswith("traffic: champion 8")
    assert "→ 0 %" in mark.text


@pytest.mark.parametrize(
    ("reference", "back"), [({"rolling": "5d"}, (5, 0)), ({"same_period": "last_year"}, (364, 363))]
)
def test_a_reference_that_moves_is_the_logs_own_past(
    house: House, reference: dict[str, str], back: tuple[int, int]
) -> None:
    old = log_rows(seed=3, a_day=120, days=4, start=datetime(2025, 1, 2))
    rows = pd.concat([old, LOG.head(120 * 8)]) if "same_period" in reference else LOG
    house.body = body(write(rows, "parquet", house.folder, "log"), None, segments=[], service_grain="1d")
    house.body["reference"] = reference
    go(house)
    found = {one.window.start: one for one in points(house, "drift.jensen_shannon", "plan")}
    day = datetime(2025, 12, 31, 23, tzinfo=UTC) + 2 * DAY
    with house.store.read() as session:
        past = [
            profile
            for key, profile in profiles.profiles(
                session, "m", "1d", day - back[0] * DAY, day - back[1] * DAY, segment=""
            )
            if key.role in (Role.CHAMPION, Role.CHALLENGER)
        ]
        now = [
            profile
            for key, profile in profiles.profiles(
                session, "m", "1d", day, day + timedelta(hours=1), segment=""
            )
            if key.role in (Role.CHAMPION, Role.CHALLENGER)
        ]
    grids = house.grids()
    from scipy.spatial.distance import jensenshannon

    a, b = (merge_all(each, grid_set=grids.id).inputs.columns["plan"].counts for each in (past, now))
    assert a.sum() and b.sum()
    assert found[day].value.value == pytest.approx(jensenshannon(a, b, base=2), abs=1e-9)
    assert go(house, NOW + timedelta(hours=1)).points == 0


@pytest.mark.parametrize("at", [2])
def test_a_pass_that_dies_between_two_batches_goes_on_where_it_ended(
    watched: House, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    from collectors import collect

    monkeypatch.setattr(collect, "BATCH_WINDOWS", 6)
    whole = House(folder=watched.folder / "whole", body=watched.body)
    whole.folder.mkdir()
    go(whole)
    written, real = [0], collect.windows.save_windows

    def die(session: Any, rows: Any) -> None:
        written[0] += 1
        if written[0] > at:
            raise KeyboardInterrupt
        real(session, rows)

    monkeypatch.setattr(collect.windows, "save_windows", die)
    with pytest.raises(KeyboardInterrupt):
        go(watched)
    assert len(watched.windows()) == 6 * at
    monkeypatch.setattr(collect.windows, "save_windows", real)
    go(watched)
    assert [row.profile_digest for row in watched.windows()] == [
        row.profile_digest for row in whole.windows()
    ]
    assert points(watched, "business.conversion") == points(whole, "business.conversion")
    whole.close()


def test_either_database_keeps_a_pass(watched: House, store_url: str) -> None:
    go(watched)
    other = House(folder=watched.folder / "other", body=watched.body, store_url=store_url)
    other.folder.mkdir()
    assert go(other, NOW).windows == 20
    assert other.marks() == watched.marks()
    assert points(other, "business.conversion") == points(watched, "business.conversion")
    again = go(other, NOW + timedelta(hours=1))
    assert (again.windows, again.points) == (0, 0)
    other.close()
