"""A model that fails in a way nobody foresaw leaves the others alone, and says so."""

import copy
import json
import logging
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from collectors import collect as collect_module
from core.config import load
from core.errors import GoalkeeperError
from goalkeeper import clock
from goalkeeper.cli import app
from goalkeeper.jobs import evaluate, measure
from goalkeeper.jobs.passes import ModelPass, run_pass
from store import alerts, leases, marks, metrics, outbox, runs, tickets
from store.database import Store
from store.tables import Base, RunRow
from tests.goalkeeper import small

DAY = timedelta(days=1)
REPORT = "please report it with what `goalkeeper collect --debug` prints"


@pytest.fixture
def two(own: Path) -> Path:
    """Return a project whose second model is a copy of the first."""
    body = yaml.safe_load(own.read_text())
    body["models"]["second"] = copy.deepcopy(body["models"]["lead"])
    own.write_text(yaml.safe_dump(body, sort_keys=False))
    return own


def collect(config: Path, *words: str) -> Result:
    now = (small.NOW + DAY).isoformat()
    return CliRunner().invoke(app, ["collect", "-c", str(config), "--now", now, *words])


def runs_of(config: Path, model: str) -> list[RunRow]:
    store = Store.open(load(config).store.reveal())
    with store.read() as session:
        found = runs.runs(session, model)
    store.close()
    return found


def broken_for_lead(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: BaseException) -> None:
    real = getattr(module, name)

    def either(*args: Any, **facts: Any) -> Any:
        if "lead" in (facts.get("name"), facts.get("model_name")):
            raise error
        return real(*args, **facts)

    monkeypatch.setattr(module, name, either)


def test_it_goes_on_after_an_unexpected_error_in_one_model(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_for_lead(monkeypatch, measure, "compute", ZeroDivisionError("division by zero"))
    result = collect(two, "--json")
    lead, second = json.loads(result.stdout)["models"]
    assert result.exit_code == 1
    assert lead["error"].startswith("Unexpected ZeroDivisionError: division by zero\n→ ")
    assert REPORT in lead["error"]
    assert "lead: Unexpected ZeroDivisionError" in result.stderr
    assert (second["error"], second["windows"]) == ("", small.DAYS)
    assert second["points"]
    newest = runs_of(two, "lead")[0]
    assert (newest.state, newest.error) == ("failed", "Unexpected ZeroDivisionError: division by zero")
    assert REPORT in newest.hint
    assert newest.finished_at is not None
    assert runs_of(two, "second")[0].state == "done"


def test_it_tells_of_an_error_in_evaluating_beside_what_was_collected(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_for_lead(monkeypatch, evaluate, "evaluate", KeyError("sigma"))
    (lead, second) = json.loads(collect(two, "--json").stdout)["models"]
    assert lead["error"].startswith("Unexpected KeyError: 'sigma'")
    assert second["error"] == ""
    newest = runs_of(two, "lead")[0]
    assert (newest.state, newest.error) == ("failed", "Unexpected KeyError: 'sigma'")


def test_it_looks_again_from_where_the_last_whole_pass_ended(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        broken_for_lead(patched, measure, "compute", ValueError("odd"))
        collect(two)
    result = collect(two, "--json")
    assert result.exit_code == 0, result.output
    assert [row.state for row in runs_of(two, "lead")] == ["done", "failed", "done"]


def test_debug_shows_where_it_arose(
    two: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken_for_lead(monkeypatch, measure, "compute", ZeroDivisionError("division by zero"))
    collect(two)
    assert not caplog.records
    kept = logging.getLogger("goalkeeper").level
    try:
        collect(two, "--debug")
    finally:
        logging.getLogger("goalkeeper").setLevel(kept)
    assert "Traceback" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_control_c_stops_at_once(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_for_lead(monkeypatch, measure, "compute", KeyboardInterrupt())
    result = collect(two)
    assert result.exit_code != 0
    assert runs_of(two, "second") == []


def test_nothing_is_written_once_another_process_took_the_model_over(
    collected: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step of a pass, on both kinds of store."""
    project = load(collected)

    def run() -> ModelPass:
        (one,) = run_pass(project=project, store=store, now=small.NOW, models=["lead"], deliver=False).models
        return one

    for step, module in (("Collector", collect_module), ("compute", measure), ("judge_goals", measure),
                         ("evaluate", evaluate)):  # fmt: skip
        real, left = getattr(module, step), []

        def overtaken(*args: Any, real: Any = real, left: list[Any] = left, **facts: Any) -> Any:
            assert leases.acquire(store, "model lead", "b:1", clock.now() + DAY, DAY)
            left.append(told(store))
            return real(*args, **facts)

        with monkeypatch.context() as patched:
            patched.setattr(module, step, overtaken)
            one = run()
        assert (one.elsewhere, one.error.partition("\n")[0]) == (True, "model lead was taken over by b:1.")
        assert left == [told(store)], step
        taken = leases.held(store, "model lead")
        assert taken is not None
        leases.release(store, "model lead", taken.holder, taken.fence)
    assert run().error == ""
    with store.read() as session:
        assert [row.state for row in runs.runs(session, "lead")] == ["done", *["failed"] * 4]


def told(store: Store) -> list[tuple[Any, ...]]:
    """Return every row of the tables that a pass writes to."""
    with store.read() as session:
        return [
            tuple(row)
            for table in Base.metadata.sorted_tables
            if table.name not in ("lease", "setting")
            for row in session.execute(select(table).order_by(*table.primary_key))
        ]


def test_a_model_that_another_process_works_on_is_busy_and_left_to_it(two: Path) -> None:
    store = Store.open(load(two).store.reveal())
    other = f"{socket.gethostname()}:{os.getppid()}"
    assert leases.acquire(store, "model lead", other, clock.now(), timedelta(hours=1))
    before = runs_of(two, "lead")
    result = collect(two, "--json")
    lead, second = json.loads(result.stdout)["models"]
    assert result.exit_code == 1
    assert f"model lead is being worked on by {other}." in lead["error"]
    assert "a dead one's turn lapses after 90 s" in lead["error"]
    assert second["error"] == ""
    assert len(runs_of(two, "lead")) == len(before)
    kept = leases.held(store, "model lead")
    store.close()
    assert kept is not None
    assert kept.holder == other


def test_a_metric_that_a_rule_names_is_computed_for_the_whole_past(own: Path) -> None:
    assert collect(own).exit_code == 0
    body = yaml.safe_load(own.read_text())
    rule = {"metric": "drift.psi", "kind": "threshold", "above": 0.0001, "severity": "notice"}
    body["models"]["lead"]["rules"] = {"psi": rule}
    own.write_text(yaml.safe_dump(body, sort_keys=False))

    assert collect(own).exit_code == 0

    store = Store.open(load(own).store.reveal())
    with store.read() as session:
        kept = metrics.points(session, "lead", metric="drift.psi", column="age")
        states = {row.column: row.state for row in alerts.rule_states(session, "lead") if row.rule == "psi"}
    store.close()
    assert len(kept) == small.DAYS
    assert states["age"] == "firing"


def test_a_source_that_cannot_be_read_is_one_ticket_for_all_of_its_models(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = yaml.safe_load(two.read_text())
    body["channels"] = {"owners": {"kind": "file"}}
    for model in body["models"].values():
        model["notify"] = ["owners"]
    two.write_text(yaml.safe_dump(body, sort_keys=False))
    project = load(two)
    store = Store.open(project.store.reveal())

    def run(hours: int) -> None:
        now = small.NOW + DAY + timedelta(hours=hours)
        run_pass(project=project, store=store, now=now, models=list(project.models))

    def found() -> list[Any]:
        with store.read() as session:
            return [row for row in tickets.tickets(session) if row.key.startswith("source:")]

    run(0)
    with monkeypatch.context() as broken:

        def refuse(*_args: Any, **_more: Any) -> Any:
            raise GoalkeeperError("the warehouse refuses connections", hint="Is it up?")

        broken.setattr(collect_module.Collector, "run", refuse)
        run(1)
        run(2)
        assert found() == []
        run(3)
        (ticket,) = found()
        assert (ticket.state, ticket.kind, ticket.severity) == ("open", "fix_data", "major")
        assert "2 models wait" in ticket.title
        assert "the warehouse refuses connections" in ticket.evidence["findings"][0]["reason"]
        run(4)
        assert len(found()) == 1
        with store.read() as session:
            told = [row for row in outbox.messages(session) if row.key.startswith("source:")]
        assert [(row.kind, row.state) for row in told] == [("opened", "sent")]
    run(5)
    (ticket,) = found()
    assert (ticket.state, ticket.resolution) == ("closed", "recovered")
    with store.read() as session:
        kinds = [row.kind for row in outbox.messages(session) if row.key.startswith("source:")]
    assert kinds == ["opened", "resolved"]
    store.close()


def test_a_changed_configuration_is_marked_on_the_time_axis(tmp_path: Path) -> None:
    path = small.write(tmp_path)
    _project, store, _result = small.collect(path)
    with store.read() as session:
        assert marks.marks(session, "lead") == []
    store.close()
    path.write_text(path.read_text() + "    rules: {service.latency_p95_ms: {kind: threshold, above: 800}}\n")
    _project, store, _result = small.collect(path, small.NOW + timedelta(hours=1))
    with store.read() as session:
        (mark,) = marks.marks(session, "lead")
    store.close()
    assert (mark.kind, mark.start) == ("configuration", small.NOW + timedelta(hours=1))
    assert mark.text == "Configuration: rules.service.latency_p95_ms"
