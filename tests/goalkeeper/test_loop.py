"""From an alert to a new version that is proven better, or is not; never a second retraining by itself."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import retraining
from alerts import tickets as desk
from alerts.readiness import readiness
from alerts.retrain import command
from alerts.tickets import TicketError
from core.config import load
from core.config.model import Route
from core.evidence import ProofFact
from core.rules import Resolution, TicketKind, TicketState
from core.values import MetricPoint
from goalkeeper.jobs import loop
from reports.messages import render
from store import models, proofs, retrainings, tickets
from store.tables import ProofRow, RetrainingRow, TicketEventRow, TicketRow
from tests.alerts.house import QUIET, TWO, House, conversions, day, number, rows, share

BAD = 35
"""The day on which the harm begins."""
SCRIPT = """\
import json, sys, time
brief = json.load(sys.stdin)
with open("runs.txt", "a") as runs:
    runs.write(brief["ticket"]["key"] + "\\n")
print("learning from", len(brief["windows"]["mature_before"]), "windows")
{body}
print(json.dumps({{"version": "v3"}}))
"""


class Loop(House):
    """A model whose retraining is a command, and whose days the tests choose."""

    def __init__(self, folder: Path, *, body: str = "", more: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(SCRIPT.format(body=body))
        retrain = f"{{kind: command, run: python train.py, time_limit: 30s{more}}}"
        super().__init__(folder, rules=f"    rules: {TWO}\n    retrain: {retrain}")

    def days(self, first: int, values: Sequence[float], loss: float = 0.4, versions: str = "v2") -> None:
        """Save days of a KPI and of the log loss, by version too."""
        points: list[MetricPoint] = []
        for at, value in enumerate(values, first):
            points += [*conversions([value], at), *rows(1, at)]
            points.append(number(at, "performance.log_loss", loss + 0.002 * (at % 5)))
            points.append(share(at, "business.conversion", value, version=versions))
        self.save(points)
        with self.store.write() as session:
            seen = {versions: (day(first).start, day(first + len(values) - 1).end)}
            models.see_versions(session, "lead", seen, self.at(first + len(values)))

    def ticket(self) -> TicketRow:
        """Return the ticket that asks for a retraining."""
        return next(one for one in self.tickets() if one.kind == TicketKind.RETRAIN)

    def morning(self, at: int) -> TicketRow:
        """Run what a pass does after collecting; return the ticket that asks for a retraining."""
        self.evaluate(at)
        loop.work_on(project=self.project, name="lead", store=self.store, now=self.at(at))
        return self.ticket()

    def retrained(self, at: int) -> TicketRow:
        """Run passes until the retraining has ended."""
        for _turn in range(200):
            ticket = self.morning(at)
            if ticket.state != TicketState.RETRAINING:
                return ticket
            time.sleep(0.05)
        raise AssertionError("the retraining does not end")

    def runs(self) -> list[str]:
        path = self.folder / "runs.txt"
        return path.read_text().split() if path.exists() else []

    def made(self) -> list[RetrainingRow]:
        with self.store.read() as session:
            return retrainings.retrainings(session, model="lead")

    def proofs(self) -> list[ProofRow]:
        with self.store.read() as session:
            return [one for ticket in self.tickets() for one in proofs.proofs(session, ticket.id)]

    def trail(self) -> list[TicketEventRow]:
        with self.store.read() as session:
            return tickets.events(session, self.ticket().id)

    def steps(self) -> list[str]:
        return [row.payload["step"] for row in self.messages() if row.kind == "step"]


def begun(folder: Path, **more: str) -> Loop:
    """A model with a ticket that asks for a retraining, two days into the harm."""
    house = Loop(folder, **more)
    house.days(0, [QUIET[at % 28] for at in range(BAD)])
    house.evaluate(BAD)
    house.days(BAD, [0.06, 0.06], loss=0.9)
    return house


def test_a_retraining_is_started_once_and_the_new_version_is_proven(tmp_path: Path) -> None:
    house = begun(tmp_path / "a")
    ticket = house.retrained(BAD + 2)
    assert (ticket.kind, ticket.state) == (TicketKind.RETRAIN, TicketState.VERIFYING)
    assert len(house.runs()) == 1
    (row,) = house.made()
    assert (row.state, row.version, row.actor) == ("done", "v3", "goalkeeper")
    assert "learning from" in row.log

    house.days(BAD + 2, [0.06], loss=0.9)
    house.days(BAD + 3, [0.12, 0.121], versions="v3")
    assert house.morning(BAD + 5).state == TicketState.VERIFYING
    assert "2 of 3 windows" in house.proofs()[0].result["waits"]
    house.days(BAD + 5, [0.119, 0.12, 0.118, 0.121], versions="v3")
    closed = house.morning(BAD + 9)
    assert (closed.state, closed.resolution) == (TicketState.CLOSED, Resolution.VERIFIED)
    fact = ProofFact.model_validate(house.proofs()[0].result)
    assert fact.is_better
    assert not fact.beside
    assert fact.lower is not None
    assert fact.lower > 0.03
    assert fact.new is not None
    assert fact.new.windows == 6
    assert [event.action for event in house.trail()] == [
        "opened", "retraining", "retrained", "verifying", "verified",
    ]  # fmt: skip
    (resolved,) = [row for row in house.messages() if row.kind == "resolved"]
    told = render(house.store, resolved, house.project)
    assert "v3 is proven better" in told.text
    assert "12.0 %" in told.text
    house.evaluate(BAD + 10)
    assert [row.state for row in house.alerts("business.conversion")] == ["ok"]


def test_a_worse_version_opens_the_ticket_again_with_a_hint(tmp_path: Path) -> None:
    house = begun(tmp_path / "a")
    house.retrained(BAD + 2)
    house.days(BAD + 2, [0.06], loss=0.9)
    house.days(BAD + 3, [0.02] * 8, loss=0.9, versions="v3")
    ticket = house.morning(BAD + 11)
    assert ticket.state == TicketState.OPEN
    assert ticket.acknowledge_by is not None
    assert ticket.acknowledge_by > house.at(BAD + 11)
    assert house.proofs()[0].outcome == "worse"
    assert house.steps() == ["reopened"]
    told = render(house.store, house.messages()[-1], house.project)
    assert "v3 is worse" in told.subject
    assert "rolling it back" in told.text
    house.morning(BAD + 12)
    assert len(house.runs()) == 1


@pytest.mark.parametrize(
    ("values", "outcome"),
    [([0.06] * 12, "no_effect"), ([0.06], "not_enough_data"), ([0.1] * 12, "no_effect")],
)
def test_the_deadline_says_what_was_not_proven(tmp_path: Path, values: Sequence[float], outcome: str) -> None:
    house = begun(tmp_path / "a")
    house.retrained(BAD + 2)
    house.days(BAD + 2, [0.06], loss=0.9)
    house.days(BAD + 3, values, loss=0.9, versions="v3")
    assert house.morning(BAD + 20).state == TicketState.VERIFYING
    ticket = house.morning(BAD + 32)
    assert ticket.state == TicketState.OPEN
    assert house.proofs()[0].outcome == outcome


def test_two_versions_in_the_same_windows_are_compared_window_by_window(tmp_path: Path) -> None:
    house = begun(tmp_path / "a")
    house.retrained(BAD + 2)
    swings = [0.03, -0.03, 0.025, -0.025, 0.03, -0.02]
    for at, swing in enumerate(swings, BAD + 2):
        house.days(at, [0.09 + swing], loss=0.9)
        house.save([share(at, "business.conversion", 0.06 + swing, version="v2")])
        house.save([share(at, "business.conversion", 0.12 + swing, version="v3")])
    with house.store.write() as session:
        seen = {"v3": (day(BAD + 2).start + timedelta(hours=10), day(BAD + 8).end)}
        models.see_versions(session, "lead", seen, house.at(BAD + 8))
    house.morning(BAD + 8)
    fact = ProofFact.model_validate(house.proofs()[0].result)
    assert fact.beside
    assert fact.old is not None
    assert fact.old.windows == len(swings)
    assert fact.change == pytest.approx(0.06, abs=0.001)
    assert fact.is_better


def test_a_later_version_takes_over(tmp_path: Path) -> None:
    house = begun(tmp_path / "a")
    house.retrained(BAD + 2)
    house.days(BAD + 2, [0.06], loss=0.9)
    house.days(BAD + 3, [0.06] * 3, loss=0.9, versions="v3")
    house.morning(BAD + 6)
    house.days(BAD + 6, [0.12] * 6, versions="v4")
    ticket = house.morning(BAD + 12)
    assert ticket.resolution == Resolution.VERIFIED
    assert [(one.version, one.outcome) for one in house.proofs()] == [("v3", "replaced"), ("v4", "verified")]


def test_a_version_that_nobody_announced_is_proven_too(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", more=", approval: true")
    assert house.morning(BAD + 2).state == TicketState.OPEN
    house.days(BAD + 2, [0.06], loss=0.9)
    house.days(BAD + 3, [0.12], versions="v3")
    assert house.morning(BAD + 4).state == TicketState.VERIFYING
    house.days(BAD + 4, [0.12] * 5, versions="v3")
    assert house.morning(BAD + 9).resolution == Resolution.VERIFIED
    assert house.runs() == []


def test_approval_waits_for_a_person(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", more=", approval: true")
    for at in (2, 2, 3):
        house.morning(BAD + at)
    assert house.runs() == []
    assert house.steps() == ["approval_asked", "overdue"]
    assert "approve it" in render(house.store, house.messages()[1], house.project).text
    ticket = house.ticket()
    with house.store.write() as session:
        retraining.ask(session, house.project, ticket.id, actor="ana@example.com", now=house.at(BAD + 3))
    assert house.retrained(BAD + 3).state == TicketState.VERIFYING
    assert len(house.runs()) == 1
    assert [(row.actor, row.state) for row in house.made()] == [("ana@example.com", "done")]


def test_a_failed_retraining_is_told_with_what_it_printed_and_a_person_asks_again(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", body="raise SystemExit('no rows')")
    ticket = house.retrained(BAD + 2)
    assert ticket.state == TicketState.OPEN
    assert house.steps() == ["retraining_failed"]
    told = render(house.store, house.messages()[-1], house.project)
    assert "exit code 1" in told.text
    assert "no rows" in told.text
    house.morning(BAD + 3)
    assert len(house.runs()) == 1
    with house.store.write() as session:
        retraining.ask(session, house.project, ticket.id, actor="ana@example.com", now=house.at(BAD + 3))
    house.retrained(BAD + 3)
    assert len(house.runs()) == 2


def test_a_retraining_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    house = Loop(tmp_path / "a", body="time.sleep(60)")
    house.configure(f"    rules: {TWO}\n    retrain: {{kind: command, run: python train.py, time_limit: 1s}}")
    house.days(0, [QUIET[at % 28] for at in range(BAD)])
    house.evaluate(BAD)
    house.days(BAD, [0.06, 0.06], loss=0.9)
    house.retrained(BAD + 2)
    (row,) = house.made()
    assert row.state == "failed"
    assert "took longer" in row.error


def test_broken_data_is_mended_before_a_model_learns_from_it(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", more=", least_labels: 5000")
    house.save([share(at, "quality.missing", 0.01, column="age") for at in range(BAD + 2)])
    house.morning(BAD + 2)
    house.days(BAD + 2, [0.06] * 8, loss=0.9)
    house.save([share(at, "quality.missing", 0.6, column="age") for at in range(BAD + 8, BAD + 10)])
    ticket = house.morning(BAD + 10)
    assert house.runs() == []
    with house.store.read() as session:
        checks = readiness(session, house.project.models["lead"], ticket, house.at(BAD + 10))
    assert [check.name for check in checks if not check.ok] == ["source"]
    assert "mend the source" in checks[0].text


def test_without_enough_labels_nothing_starts(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", more=", least_labels: 5000")
    assert house.morning(BAD + 2).state == TicketState.OPEN
    house.days(BAD + 2, [0.06], loss=0.9)
    house.retrained(BAD + 3)
    assert len(house.runs()) == 1


def test_a_crash_between_claim_and_start_starts_it_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(tmp_path / "a")
    monkeypatch.setattr(command, "_spawn", _crash)
    with pytest.raises(KeyboardInterrupt):
        house.morning(BAD + 2)
    monkeypatch.undo()
    assert [row.state for row in house.made()] == ["claimed"]
    house.morning(BAD + 2)
    assert house.runs() == []  # it may still come: nobody knows yet
    monkeypatch.setattr(command, "PATIENCE", timedelta())
    house.morning(BAD + 2)
    monkeypatch.undo()
    house.retrained(BAD + 2)
    assert len(house.runs()) == 1
    assert [row.state for row in house.made()] == ["done"]


def _crash(folder: Path) -> int:
    raise KeyboardInterrupt


def test_a_crash_right_after_the_start_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(tmp_path / "a")
    real: Callable[[Path], int] = command._spawn

    def started_and_crashed(folder: Path) -> int:
        real(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_spawn", started_and_crashed)
    with pytest.raises(KeyboardInterrupt):
        house.morning(BAD + 2)
    monkeypatch.undo()
    house.retrained(BAD + 2)
    assert len(house.runs()) == 1


def test_what_cannot_be_known_is_never_started_again(tmp_path: Path) -> None:
    house = begun(tmp_path / "a", body="time.sleep(30)")
    house.morning(BAD + 2)
    state = house.project.state_dir / "retrain"
    for _turn in range(200):
        started = list(state.glob("*/started"))
        if started and house.runs():
            break
        time.sleep(0.05)
    runner = int(started[0].read_text().split()[0])
    os.kill(runner, signal.SIGKILL)
    ticket = house.retrained(BAD + 2)
    assert ticket.state == TicketState.UNCONFIRMED
    assert house.steps() == ["unconfirmed"]
    for at in (2, 3, 4):
        house.morning(BAD + at)
    assert len(house.runs()) == 1
    with house.store.write() as session, pytest.raises(TicketError, match="under way"):
        retraining.ask(session, house.project, ticket.id, actor="ana@example.com", now=house.at(BAD + 4))
    with house.store.write() as session:
        retraining.said(
            session, house.project, ticket.id, version="v3", actor="ana@example.com", now=house.at(BAD + 4)
        )
    assert house.ticket().state == TicketState.VERIFYING


def test_recovery_alone_does_not_close_a_ticket_whose_new_version_is_looked_at(tmp_path: Path) -> None:
    house = begun(tmp_path / "a")
    house.retrained(BAD + 2)
    house.days(BAD + 2, [0.12] * 6)  # no new version: it went by itself
    ticket = house.morning(BAD + 8)
    assert ticket.state == TicketState.VERIFYING
    house.days(BAD + 8, [0.12] * 25)
    ticket = house.morning(BAD + 31)
    assert ticket.state == TicketState.OPEN
    ticket = house.morning(BAD + 33)
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.RECOVERED)


def test_the_brief_holds_what_a_pipeline_needs(tmp_path: Path) -> None:
    body = "open('brief.json', 'w').write(json.dumps(brief))"
    house = begun(tmp_path / "a", body=body)
    house.retrained(BAD + 2)
    brief = json.loads((house.folder / "brief.json").read_text())
    assert brief["model"] == "lead"
    assert brief["harm"]["since"].startswith("2026-02-09")
    assert [one["version"] for one in brief["versions"]] == ["v2"]
    assert brief["predictions"]["columns"]["id"] == "id"
    assert f"ticket={house.ticket().id}" in brief["ticket"]["link"]
    assert sys.executable not in json.dumps(brief)


def test_who_is_named_is_told_when_nobody_acknowledges_in_time(tmp_path: Path) -> None:
    told_to = "[owners, {to: pager, severity: critical}, {to: board, severity: major}]"
    more = f"    escalate: boss\n    notify: {told_to}"
    channels = "\n".join(f"  {name}: {{kind: file}}" for name in ("owners", "boss", "pager", "board"))
    folder = tmp_path / "a"
    house = Loop(folder, more=", approval: true")
    path = folder / "goalkeeper.yaml"
    text = path.read_text().replace("channels: {owners: {kind: file}}", f"channels:\n{channels}")
    path.write_text(text.replace("    notify: [owners]", more))
    house.project = load(path)
    house.days(0, [QUIET[at % 28] for at in range(BAD)])
    house.evaluate(BAD)
    house.days(BAD, [0.06, 0.06], loss=0.9)
    house.morning(BAD + 2)
    assert {row.channel for row in house.messages()} == {"owners", "pager", "board"}
    for hour in (7, 8):
        loop.work_on(project=house.project, name="lead", store=house.store, now=house.at(BAD + 2, hour=hour))
    told = [row for row in house.messages() if row.payload.get("step") == "overdue"]
    assert sorted(row.channel for row in told) == ["board", "boss", "owners", "pager"]
    assert "acknowledged by 11 February, 07:00" in render(house.store, told[0], house.project).text
    with house.store.write() as session:
        desk.acknowledge(session, house.ticket().id, actor="ana@example.com", now=house.at(BAD + 2, hour=8))
    house.morning(BAD + 5)
    assert len([row for row in house.messages() if row.payload.get("step") == "overdue"]) == 4


def test_a_board_that_wants_less_is_told_less(tmp_path: Path) -> None:
    model = Loop(tmp_path / "a").project.models["lead"]
    routes = {"notify": [{"to": "owners"}, {"to": "pager", "severity": "critical"}]}
    routed = model.model_copy(update={"notify": tuple(Route.model_validate(one) for one in routes["notify"])})
    assert routed.channels("critical") == ["owners", "pager"]
    assert routed.channels("major") == ["owners"]
