"""The replay of the call centre: what is seen and when is what its README states; it can be interrupted."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.config import load
from core.errors import GoalkeeperError
from core.evidence import ProofFact
from goalkeeper.cli import app
from goalkeeper.demo import replay as replaying
from goalkeeper.demo import story
from goalkeeper.demo.replay import Replayed, counts, replay
from store import alerts, outbox, proofs, retrainings, settings, tickets
from store.database import Store
from store.heartbeats import health

SECOND, FOURTH = story.mornings()[1], story.mornings()[3]


def quiet(line: str) -> None:
    """Say nothing."""


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def complete(demo: Path) -> Iterator[tuple[Path, Store]]:
    store = Store.open(load(demo / "goalkeeper.yaml").store.reveal())
    yield demo, store
    store.close()


def test_its_alerts_are_the_staged_mishaps_and_nothing_else(complete: tuple[Path, Store]) -> None:
    with complete[1].read() as session:
        found = {(row.rule, row.segment or row.column, row.state) for row in alerts.alerts(session)}
        good = {row.rule for row in alerts.alerts(session) if row.evidence["good"]}

    audience = ("age", "campaign", "contacts_before", "tenure_months", "web_visits")
    assert found == {
        ("quality.missing", "tenure_months", "ok"),
        ("quality.missing", "region=south", "ok"),
        ("service.error_share", "", "ok"),
        ("drift.score", "@score", "ok"),
        ("business.call_conversion", "", "ok"),
        *(("drift.columns", column, "ok") for column in audience),
        ("drift.multivariate", "", "ok"),
        ("performance.estimated", "", "ok"),
        ("performance.calibration", "", "ok"),
        ("performance.primary", "", "ok"),
    }
    assert good == {"business.call_conversion"}


def test_it_has_the_three_tickets_on_the_days_that_are_stated(complete: tuple[Path, Store]) -> None:
    with complete[1].read() as session:
        found = {
            (row.kind, row.state, f"{row.opened_at:%m-%d}", row.closed_at and f"{row.closed_at:%m-%d}")
            for row in tickets.tickets(session)
        }

    assert found == {
        ("fix_data", "closed", "02-18", "02-24"),
        ("fix_service", "closed", "02-26", "03-02"),
        ("retrain", "closed", "04-09", "04-27"),
    }


def test_the_third_ticket_is_closed_by_a_version_that_it_had_trained(complete: tuple[Path, Store]) -> None:
    with complete[1].read() as session:
        (ticket,) = [row for row in tickets.tickets(session) if row.kind == "retrain"]
        (made,) = retrainings.retrainings(session, ticket_id=ticket.id)
        (proof,) = proofs.proofs(session, ticket.id)
        trail = [(event.action, f"{event.at:%m-%d}") for event in tickets.events(session, ticket.id)]

    assert (ticket.resolution, made.state, made.version, proof.outcome) == (
        "verified",
        "done",
        "v3",
        "verified",
    )
    assert "told apart: campaign spring" in made.log
    assert trail[0] == ("opened", "04-09")
    assert trail[-4:] == [
        ("retraining", "04-15"), ("retrained", "04-15"), ("verifying", "04-17"), ("verified", "04-27"),
    ]  # fmt: skip
    fact = ProofFact.model_validate(proof.result)
    assert fact.old is not None
    assert fact.new is not None
    assert (round(fact.old.value, 3), round(fact.new.value, 3)) == (0.079, 0.143)


def test_each_mail_lies_in_the_outbox(complete: tuple[Path, Store]) -> None:
    with complete[1].read() as session:
        told = outbox.messages(session)

    kinds = sorted(row.kind for row in told if row.kind != "digest")
    assert kinds == [*["opened"] * 3, *["resolved"] * 3, *["step"] * 3, *["update"] * 3]
    assert {row.state for row in told} == {"sent"}
    mails = list((complete[0] / ".goalkeeper" / "outbox").glob("*.eml"))
    assert len(mails) == len(told)


def test_it_says_so_and_adds_nothing_when_it_is_complete(complete: tuple[Path, Store]) -> None:
    folder, store = complete
    before = counts(store)
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    said: list[str] = []

    again = replay(folder, say=said.append)

    assert again == before
    assert "nothing is added" in " ".join(said)
    assert files == {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def test_the_store_has_a_time_of_its_own(complete: tuple[Path, Store]) -> None:
    with complete[1].read() as session:
        assert settings.get(session, "now") == "2026-04-29T08:30:00+03:00"
        assert health(session, story.morning_after(story.LOG.last), timedelta(minutes=15)).alive


def test_a_replay_that_is_killed_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = replay(tmp_path / "whole", last=FOURTH, say=quiet)
    put, broken = replaying.put, tmp_path / "broken"

    def killed(session: object, name: str, value: str) -> None:
        if value == SECOND.isoformat():
            raise KeyboardInterrupt
        put(session, name, value)  # type: ignore[arg-type]

    monkeypatch.setattr(replaying, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        replay(broken, last=FOURTH, say=quiet)
    monkeypatch.undo()

    resumed = replay(broken, last=FOURTH, say=quiet)

    assert resumed.as_json() == undisturbed.as_json()
    assert resumed.added == 3


def test_json_ends_with_one_object_on_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Replayed(windows=1, metric_points=2, alerts=3, tickets=4, messages=5)
    monkeypatch.setattr(replaying, "replay", lambda *_args, **_named: found)

    result = CliRunner().invoke(app, ["demo", "--no-serve", "--dir", str(tmp_path), "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "windows": 1, "metric_points": 2, "alerts": 3, "tickets": 4, "messages": 5,
    }  # fmt: skip


def test_a_folder_with_another_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "goalkeeper.yaml").write_text(
        "models: {other: {predictions: {path: x.parquet, columns: {time: at, score: p}}}}\n"
    )

    with pytest.raises(GoalkeeperError, match="not the demo's project"):
        replay(tmp_path, say=quiet)
