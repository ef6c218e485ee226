"""What the schedule asks for, derived from the passes that the store knows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config import Project, configuration_hash, load
from goalkeeper import __version__
from goalkeeper.jobs.due import SCHEDULER, due_models, ticks_of
from store import runs
from store.database import Store
from tests.goalkeeper import small

NOON = datetime(2026, 4, 29, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def project(folder: Path, schedule: str) -> Project:
    path = small.write(folder)
    body = path.read_text().replace("collect: every 1m", f"collect: {schedule}")
    path.write_text(f"timezone: Europe/Berlin\n{body}")
    return load(path)


def passed(store: Store, project: Project, now: datetime, *, state: str = "done", **other: str) -> None:
    facts = {"configuration": configuration_hash(project.models["lead"]), "code": __version__} | other
    with store.write() as session:
        row = runs.start_run(
            session, "lead", started_at=now, now=now, source="parquet",
            actor=facts.pop("actor", SCHEDULER), **facts,
        )  # fmt: skip
        if state != "running":
            runs.finish_run(session, row.id, state=state, finished_at=now)


def is_due(store: Store, project: Project, at: datetime) -> bool:
    return due_models(project, store, at) == ("lead",)


@pytest.mark.parametrize(
    ("schedule", "last", "early", "late"),
    [
        ("every 15m", NOON, NOON + 14 * MINUTE, NOON + 15 * MINUTE),
        ("at 06:00", NOON, NOON + 15 * HOUR, NOON + 16 * HOUR),  # 06:00 in Berlin is 04:00
    ],
)
def test_it_is_due_once_each_time_whoever_passed(
    store: Store, tmp_path: Path, schedule: str, last: datetime, early: datetime, late: datetime
) -> None:
    made = project(tmp_path, schedule)
    assert is_due(store, made, last)
    passed(store, made, last)
    assert not is_due(store, made, early)
    assert is_due(store, made, late)


def test_a_pass_that_failed_is_not_tried_again_before_its_time(store: Store, tmp_path: Path) -> None:
    made = project(tmp_path, "every 15m")
    passed(store, made, NOON, state="failed")
    assert not is_due(store, made, NOON + MINUTE)


@pytest.mark.parametrize(
    "other",
    [{"state": "running"}, {"configuration": "another"}, {"code": "0.0"}, {"actor": "ann"}],
    ids=["never ended", "other configuration", "other program", "asked for by hand"],
)
def test_it_is_due_before_its_time_after_a_pass_that(
    store: Store, tmp_path: Path, other: dict[str, str]
) -> None:
    made = project(tmp_path, "every 15m")
    passed(store, made, NOON, **other)
    assert is_due(store, made, NOON + MINUTE)


@pytest.mark.parametrize(("schedule", "seconds"), [("every 15m", 30), ("every 8s", 2), ("at 06:00", 30)])
def test_it_is_looked_for_often_enough(tmp_path: Path, schedule: str, seconds: int) -> None:
    assert ticks_of(project(tmp_path, schedule).schedule.collect) == timedelta(seconds=seconds)
