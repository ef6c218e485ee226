"""The scheduler's jobs, and what it does when its configuration changes."""

import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import func, select, update

from core.config import load
from core.errors import GoalkeeperError
from goalkeeper import scheduler
from goalkeeper.clock import OWN, fixed, now
from goalkeeper.jobs import measure, passes
from goalkeeper.jobs.turn import BusyError, turn
from goalkeeper.scheduler import Work
from store import requests, runs, settings
from store.database import Store
from store.heartbeats import CONFIG_ERROR, PASS, WORKER, last_beat
from store.leases import acquire, held, release
from store.tables import MetricRow, WindowRow
from tests.goalkeeper import small

HOUR = timedelta(hours=1)


@pytest.fixture
def work(own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Return the jobs of a scheduler on SQLite; whoever else works on the file is `collect`, by cron say."""
    monkeypatch.setattr(scheduler, "now", fixed(small.NOW))
    project = load(own)
    store = Store.open(project.store.reveal())
    yield Work(project=project, store=store)
    store.close()


def config_error(work: Work) -> str:
    with work.store.read() as session:
        return settings.get(session, CONFIG_ERROR) or ""


def test_a_pass_leaves_a_sign_of_life_and_pings(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    pinged: list[str] = []
    monkeypatch.setattr(scheduler, "_ping", pinged.append)
    path = work.project.path
    path.write_text(path.read_text() + "heartbeat_url: http://127.0.0.1:9/ping\n")
    work.reload()

    work.collect()

    with work.store.read() as session:
        assert last_beat(session, PASS) == small.NOW
    assert pinged == ["http://127.0.0.1:9/ping"]


def test_a_ping_that_nobody_answers_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        scheduler._ping("http://127.0.0.1:9/secret-token")

    assert "does not answer" in caplog.text
    assert "secret-token" not in caplog.text


def test_it_does_what_pages_asked_for(work: Work) -> None:
    with work.store.write() as session:
        row = requests.ask(session, "collect", {"model": "lead"}, actor="ann", now=small.NOW)
        unknown = requests.ask(session, "dance", {}, actor="ann", now=small.NOW)

    work.requests()

    with work.store.read() as session:
        assert last_beat(session, WORKER) == small.NOW
        assert requests.request(session, row.id).state == "done"
        failed = requests.request(session, unknown.id)
    assert (failed.state, "dance" in failed.error) == ("failed", True)


def test_a_valid_change_is_in_force_at_once(work: Work) -> None:
    path = work.project.path
    path.write_text(path.read_text().replace("collect: every 1m", "collect: every 7m"))

    assert work.reload()
    assert work.project.schedule.collect.interval.total_seconds() == 7 * 60
    assert config_error(work) == ""
    assert not work.reload()  # nothing has changed since


def test_an_invalid_change_leaves_the_old_in_force_and_says_so(work: Work) -> None:
    path, good = work.project.path, work.project.path.read_text()
    path.write_text(good.replace("notify: [owners]", "notify: [nobody]"))

    assert not work.reload()
    assert work.project.models["lead"].channels("notice") == ["owners"]
    assert "There is no channel of this name" in config_error(work)

    path.write_text(good + "# mended\n")
    assert work.reload()
    assert config_error(work) == ""


def test_a_change_of_an_included_file_is_seen(work: Work) -> None:
    path = work.project.path
    (path.parent / "models").mkdir()
    path.write_text("include: models/*.yaml\n" + path.read_text())
    work.reload()

    more = {"predictions": {"path": "log.parquet", "columns": {"time": "at", "score": "p"}}}
    (path.parent / "models" / "second.yaml").write_text(str(more))

    assert work.reload()
    assert list(work.project.models) == ["lead", "second"]


def test_another_store_needs_a_restart(work: Work) -> None:
    path = work.project.path
    path.write_text(path.read_text().replace("gk.db", "elsewhere.db"))

    assert not work.reload()
    assert "restart" in config_error(work)


def jobs(work: Work) -> set[str]:
    ticking = BackgroundScheduler(timezone="UTC")
    scheduler._arrange(ticking, work)
    return {job.id for job in ticking.get_jobs()}


def test_it_collects_delivers_and_does_what_pages_ask_for(work: Work) -> None:
    assert jobs(work) == {"collect", "deliver", "sync", "retain", "requests"}


def test_in_a_replayed_store_it_does_only_what_pages_ask_for(work: Work) -> None:
    with work.store.write() as session:
        settings.put(session, OWN, small.NOW.isoformat())

    assert jobs(work) == {"requests"}


def lead(work: Work) -> AbstractContextManager[Store]:
    return turn(work.store, "model lead", HOUR)


def fence_of(work: Work) -> int:
    row = held(work.store, "model lead")
    assert row is not None
    return row.fence


def test_two_take_turns_on_one_model(work: Work) -> None:
    told = "model lead is being worked on by"
    with lead(work), pytest.raises(BusyError, match=told), lead(work):
        pytest.fail("both have it")

    with lead(work):
        assert fence_of(work) >= 2


def test_a_turn_of_a_dead_process_is_taken_over_at_once(work: Work) -> None:
    gone = f"{socket.gethostname()}:{2**22 + 1}"  # beyond the largest pid
    fence = acquire(work.store, "model lead", gone, now(), HOUR)
    assert fence is not None

    with lead(work):
        assert fence_of(work) == fence + 1


def test_a_turn_of_a_process_elsewhere_is_waited_for(work: Work) -> None:
    acquire(work.store, "model lead", "elsewhere:1", now(), HOUR)

    with pytest.raises(BusyError, match="elsewhere:1"), lead(work):
        pytest.fail("it belongs to somebody")


def runs_of(work: Work) -> list[str]:
    with work.store.read() as session:
        return [row.state for row in runs.runs(session, "lead") if row.actor == "scheduler"]


def test_what_another_has_just_collected_is_left_alone(work: Work) -> None:
    work.collect()
    with work.store.write() as session:
        settings.put(session, PASS, "")
    Work(project=work.project, store=work.store).collect()

    assert runs_of(work) == ["done"]
    with work.store.read() as session:
        assert last_beat(session, PASS) is None  # nor does it claim to have passed


def test_what_another_collects_at_the_moment_is_no_news(work: Work, caplog: pytest.LogCaptureFixture) -> None:
    with lead(work), caplog.at_level(logging.INFO):
        work.collect()

    assert runs_of(work) == []
    assert [row.levelname for row in caplog.records if row.name == "goalkeeper.scheduler"] == ["INFO"]
    assert "lead: model lead is being worked on by" in caplog.text


def overtake(store: Store, name: str) -> None:
    """Take a lease as another process does whose clock says that it has lapsed."""
    assert acquire(store, name, "elsewhere:1", now() + HOUR, HOUR) is not None


def test_an_overtaken_pass_ends_quietly_and_the_one_who_overtook_it_does_the_work(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = measure.compute

    def compute(**facts: Any) -> int:
        overtake(work.store, "model lead")
        return real(**facts)

    def points() -> int:
        with work.store.read() as session:
            return session.scalar(select(func.count()).select_from(MetricRow)) or 0

    before = points()
    with work.store.write() as session:
        session.execute(update(WindowRow).values(computed=""))
    with monkeypatch.context() as patched, caplog.at_level(logging.INFO):
        patched.setattr(measure, "compute", compute)
        work.collect()

    assert (runs_of(work), points()) == (["running"], before)
    assert [row.levelname for row in caplog.records if row.name == "goalkeeper.scheduler"] == ["INFO"]
    assert "lead: model lead was taken over by elsewhere:1." in caplog.text
    row = held(work.store, "model lead")
    assert row is not None
    release(work.store, "model lead", row.holder, row.fence)

    work.collect()  # as the other process would

    assert runs_of(work) == ["done", "failed"]


def test_a_worker_that_was_overtaken_leaves_what_pages_asked_for_to_the_other(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    with work.store.write() as session:
        row = requests.ask(session, "collect", {"model": "lead"}, actor="ann", now=small.NOW)

    def run_pass(**_facts: Any) -> None:
        overtake(work.store, f"request {row.id}")
        raise GoalkeeperError("too late")

    monkeypatch.setattr(passes, "run_pass", run_pass)
    work.requests()

    with work.store.read() as session:
        found = requests.request(session, row.id)
    assert found is not None
    assert (found.state, found.error) == ("running", "")
