"""What each command prints, for people and for machines, and how it ends."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete
from typer.testing import CliRunner

from core.config import load
from core.errors import GoalkeeperError
from core.rules import AlertState
from goalkeeper.cli import app
from goalkeeper.clock import OWN
from store import alerts
from store.database import Store
from store.heartbeats import PASS, beat
from store.settings import put
from store.tables import AlertChangeRow, AlertRow
from tests.goalkeeper import small

HOME = Path(__file__).parents[2]
NOW = small.NOW.isoformat()


def run(config: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def printed(config: Path, *words: str, code: int = 0) -> Any:
    return json.loads(run(config, *words, "--json", code=code))


def change(config: Path, **model: Any) -> None:
    body = yaml.safe_load(config.read_text())
    body["models"]["lead"] |= model
    config.write_text(yaml.safe_dump(body, sort_keys=False))


# ---- check


def test_check_shows_what_every_source_holds(collected: Path) -> None:
    found = printed(collected, "check", "--now", NOW)

    (model,) = found["models"]
    log = next(one for one in model["sources"] if one["name"] == "predictions")
    assert model["ok"]
    assert log["rows"] == small.DAYS * small.A_DAY
    assert log["first"].startswith("2026-03-02")
    assert "score: p" in " ".join(log["lines"])
    assert found["channels"] == {"owners": ""}


def test_check_shows_the_score_of_every_class(own: Path) -> None:
    body = yaml.safe_load(own.read_text())
    model = body["models"]["lead"]
    model |= {"task": "multiclass", "kpis": {}, "goals": []}
    model["predictions"]["columns"]["score"] = {"old": "age", "sure": "p"}
    own.write_text(yaml.safe_dump(body, sort_keys=False))

    lines = printed(own, "check", "--now", NOW)["models"][0]["sources"][0]["lines"]

    assert "score: {old: age, sure: p}" in " ".join(lines)


def test_check_sends_nothing(own: Path) -> None:
    outbox = own.parent / "state" / "outbox"
    before = sorted(outbox.iterdir())

    run(own, "check", "--now", NOW)

    assert sorted(outbox.iterdir()) == before


def test_check_goes_on_with_the_other_models_and_fails(own: Path) -> None:
    body = yaml.safe_load(own.read_text())
    broken = copy.deepcopy(body["models"]["lead"])
    broken["predictions"]["columns"]["score"] = "pp"
    own.write_text(yaml.safe_dump(body | {"models": {"broken": broken, **body["models"]}}, sort_keys=False))

    found = printed(own, "check", "--now", NOW, code=1)

    assert {one["model"]: one["ok"] for one in found["models"]} == {"broken": False, "lead": True}
    errors = [one["error"] for one in found["models"][0]["sources"] if one["error"]]
    assert "there is no column 'pp'" in errors[0]


def test_check_tells_when_a_source_is_gone(own: Path) -> None:
    (own.parent / "truth.parquet").unlink()

    assert "no file matches" in run(own, "check", "--now", NOW, code=1)


@pytest.mark.parametrize(("limit", "code"), [("2h", 1), ("3000d", 0)])
def test_check_alive_fails_where_no_pass_ended_within_the_time(own: Path, limit: str, code: int) -> None:
    store = Store.open(load(own).store.reveal())
    with store.write() as session:
        beat(session, PASS, small.NOW)
    store.close()

    done = CliRunner().invoke(app, ["check", "--alive", limit, "--config", str(own)])

    assert done.exit_code == code
    if code:
        assert isinstance(done.exception, GoalkeeperError)
        assert "goalkeeper serve" in done.exception.hint


def test_check_alive_refuses_what_is_no_length(collected: Path) -> None:
    assert "is not a length of time" in run(collected, "check", "--alive", "soon", code=2)


# ---- collect


def test_a_replayed_project_is_collected_as_of_its_own_time_and_that_is_said(own: Path) -> None:
    store = Store.open(load(own).store.reveal())
    with store.write() as session:
        put(session, OWN, NOW)
        before = len(alerts.alerts(session))

    said = run(own, "collect")

    with store.read() as session:
        after = len(alerts.alerts(session))
    store.close()
    assert "as of its own 30 March 2026" in said
    assert "tickets opened: 0 · messages sent: 0" in said
    assert after == before
    assert "its own" not in run(own, "collect", "--now", NOW)


# ---- explain


def test_explain_prints_how_a_number_came_about(collected: Path) -> None:
    found = printed(collected, "explain", "business.conversion", "--window", "2026-03-20", "--model", "lead")

    assert found["window_start"].startswith("2026-03-20T00:00")
    assert found["window_end"].startswith("2026-03-21T00:00")
    assert found["value"] == pytest.approx(found["numerator"] / found["denominator"])
    assert found["n"] == small.A_DAY
    assert found["formula"]
    assert len(found["configuration"]) == 16
    assert found["code"]
    assert found["source"] == "parquet"
    assert found["earlier"] == []


def test_explain_shows_earlier_values_of_a_restated_number(own: Path) -> None:
    import pandas as pd

    truth = pd.read_parquet(own.parent / "truth.parquet")
    truth["y"] = True
    truth.to_parquet(own.parent / "truth.parquet", index=False)
    small.collect(own)[1].close()

    found = printed(own, "explain", "business.conversion", "--window", "2026-03-28", "--model", "lead")

    assert found["value"] == 1.0
    assert len(found["earlier"]) == 1
    assert found["earlier"][0]["value"] < 0.9
    assert found["earlier"][0]["then"]


def test_explain_says_that_there_is_nothing(collected: Path) -> None:
    with pytest.raises(GoalkeeperError, match=r"No value of drift\.psi is stored for 1 January"):
        run(collected, "explain", "drift.psi", "--window", "2026-01-01")


# ---- metrics


def test_the_export_of_what_is_not_stored_is_computed(collected: Path) -> None:
    rows = json.loads(run(collected, "metrics", "export", "--metric", "drift.psi", "--format", "json"))

    assert {(row["metric"], row["segment"]) for row in rows} == {("drift.psi", "")}
    assert len([row for row in rows if row["column"] == "age"]) == small.DAYS


def test_an_export_without_values_says_why(collected: Path) -> None:
    def told(*words: str) -> str:
        asked = ["metrics", "export", "--config", str(collected), *words]
        return CliRunner().invoke(app, asked, catch_exceptions=False).stderr

    assert "Did you mean drift.psi?" in told("--metric", "drift.psii")
    assert "Did you mean business.conversion?" in told("--metric", "business.convertion")
    assert "without --as-of it is computed" in told("--metric", "drift.psi", "--as-of", NOW)
    assert "nothing is collected in this range" in told("--since", "2031-01-01")
    assert told("--metric", "quality.rows") == ""


# ---- alerts, tickets


def test_alerts_are_printed_with_the_fields_of_the_design(collected: Path) -> None:
    (alert,) = printed(collected, "alerts", "list")

    assert set(alert) >= {
        "model", "rule", "column", "segment", "state", "since", "until", "severity", "evidence",
    }  # fmt: skip
    assert (alert["rule"], alert["state"]) == ("service.error_share", "firing")
    assert alert["since"].startswith("2026-03-27")
    assert "service.error_share" in run(collected, "alerts", "list", "--firing")


def test_where_no_alert_fires_it_says_how_to_see_those_of_the_past(own: Path) -> None:
    store = Store.open(load(own).store.reveal())
    with store.write() as session:
        for row in alerts.alerts(session):
            row.state = AlertState.OK

    told = run(own, "alerts", "list", "--firing")
    with store.write() as session:
        session.execute(delete(AlertChangeRow))
        session.execute(delete(AlertRow))
    store.close()

    assert told == "No alert is firing. `goalkeeper alerts list` prints those of the past.\n"
    assert "No alerts. They appear" in run(own, "alerts", "list", "--firing")


def test_a_ticket_goes_from_open_to_dismissed(own: Path) -> None:
    (ticket,) = printed(own, "tickets", "list")
    assert (ticket["kind"], ticket["state"]) == ("fix_service", "open")
    number = str(ticket["id"])

    run(own, "tickets", "ack", number, "--now", NOW)
    run(own, "tickets", "assign", number, "ann", "--now", NOW)
    run(own, "tickets", "comment", number, "looking", "--now", NOW)
    run(own, "tickets", "dismiss", number, "known_cause", "--text", "a test of load", "--now", NOW)

    shown = printed(own, "tickets", "show", number)
    assert (shown["resolution"], shown["assignee"]) == ("dismissed", "ann")
    assert len(shown["trail"]) == 5
    assert {event["actor"] for event in shown["trail"][1:]} != {""}
    assert run(own, "tickets", "list") == "No ticket is open.\n"


def test_a_ticket_whose_alert_still_fires_cannot_be_closed(own: Path) -> None:
    with pytest.raises(GoalkeeperError) as caught:
        run(own, "tickets", "close", "1", "--now", NOW)

    assert caught.value.hint


def test_a_level_can_be_accepted_as_the_new_normal(own: Path) -> None:
    words = ("--from", "2026-03-27", "--reason", "a new upstream")

    assert "accepted" in run(own, "tickets", "accept", "1", *words, "--now", NOW)


def test_a_ticket_that_is_not_there_says_where_to_look(collected: Path) -> None:
    with pytest.raises(GoalkeeperError, match="There is no ticket 99") as caught:
        run(collected, "tickets", "show", "99")

    assert "tickets list" in caught.value.hint


# ---- rules, reference, marks, silences, requests


def test_rules_are_listed_with_kind_severity_and_options(own: Path) -> None:
    change(
        own,
        rules={"service.latency_p95_ms": {"kind": "threshold", "above": 800}, "quality.rows": {"mute": True}},
    )

    rules = {row["rule"]: row for row in printed(own, "rules", "list")["rules"]}

    assert rules["service.latency_p95_ms"]["kind"] == "threshold"
    assert rules["service.latency_p95_ms"]["options"]["above"] == 800
    assert rules["quality.rows"]["muted"]
    assert rules["drift.columns"]["asks"] == ""
    assert "nothing: a notice" in run(own, "rules", "list")


def test_rules_are_listed_with_floors_as_the_file_writes_them(own: Path) -> None:
    change(own, rules={"drift.columns": {"floor": 0.03}, "business.conversion": {"threshold": 3000}})

    rules = {row["rule"]: row["options"] for row in printed(own, "rules", "list")["rules"]}

    assert rules["service.latency_p95_ms"]["floor"] == "30%"
    assert (rules["drift.columns"]["floor"], rules["business.conversion"]["floor"]) == (0.03, "5%")
    assert "floor: 30%" in run(own, "rules", "list")


def test_rules_are_listed_with_what_they_promise_about_false_alarms(own: Path) -> None:
    change(own, false_alarms={"tickets": "1 per year", "notices": "1 per 2000 windows", "allow_noisy": True})

    found = printed(own, "rules", "list")

    tickets, notices = found["budgets"]
    thresholds = {row["rule"]: row["options"].get("threshold") for row in found["rules"]}
    assert sum(1 / one for one in tickets["rules"].values()) == pytest.approx(1 / 365.25)
    assert tickets["every"] == pytest.approx(365.25)
    assert sum(1 / one for one in notices["rules"].values()) == pytest.approx(1 / 2000)
    assert thresholds["business.conversion"] == tickets["rules"]["business.conversion"]
    assert 6 * thresholds["drift.columns"] == pytest.approx(thresholds["drift.score"])
    assert set(notices["rules"]) == {"drift.columns", "drift.score", "drift.multivariate"}
    assert (tickets["false"], notices["false"]) == (0, None)
    assert found["one_false_ticket_in_days"] == pytest.approx(365.25)
    said = run(own, "rules", "list")
    assert "All models together: at most one false ticket in 365 days." in said


def test_a_rule_is_replayed_with_other_knobs(own: Path) -> None:
    (quiet,) = printed(own, "rules", "backtest", "--rule", "business.conversion", "--set", "floor=500%")
    assert quiet["alerts"] == []
    assert quiet["options"]["floor"] == "500%"
    assert quiet["windows"] > 0
    with pytest.raises(GoalkeeperError, match="treshold") as wrong:
        run(own, "rules", "backtest", "--rule", "business.conversion", "--set", "treshold=5")
    assert "Did you mean threshold?" in wrong.value.hint
    with pytest.raises(GoalkeeperError, match="no rule") as unknown:
        run(own, "rules", "backtest", "--rule", "business.convertion")
    assert "Did you mean business.conversion?" in unknown.value.hint


def test_the_reference_in_force_is_shown(collected: Path) -> None:
    (row,) = printed(collected, "reference", "show")

    assert (row["kind"], row["windows"], row["rows"]) == ("range", 18, 18 * small.A_DAY)


def test_a_mark_is_set_once(own: Path) -> None:
    words = ("marks", "add", "Spring campaign", "--at", "2026-03-10", "--kind", "campaign", "--now", NOW)

    assert run(own, *words) == "Marked.\n"
    assert run(own, *words) == "This mark stands already.\n"
    marks = [mark for mark in printed(own, "marks", "list") if mark["kind"] == "campaign"]
    assert [(mark["text"], mark["model"]) for mark in marks] == [("Spring campaign", "")]


def test_marks_come_from_a_file_and_lines_that_do_not_fit_are_named(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "marks.csv"
    file.write_text(
        "start,end,kind,text,model\n"
        "2026-05-01,2026-05-04,holiday,May holidays,\n"
        "2026-04-01,,,prices,lead\n"
        "soon,,,no day,\n"
        "2026-04-01,2026-03-01,,backwards,\n"
        "2026-04-01,,party,no such kind,\n"
        "2026-04-01,,,,\n"
        "2026-04-01,,,another's,other\n"
    )
    done = CliRunner().invoke(app, ["marks", "import", str(file), "--config", str(own), "--now", NOW])

    assert done.exit_code == 1
    assert "2 marks set, 0 stood already, 5 left out." in done.output
    for n, why in ((4, "is not a time"), (5, "ends before"), (6, "is no kind"), (7, "no text"), (8, "other")):
        (line,) = [one for one in done.output.splitlines() if one.startswith(f"Line {n} ")]
        assert why in line
    found = {mark["text"]: mark for mark in printed(own, "marks", "list")}
    assert found["May holidays"]["end"].startswith("2026-05-0")
    assert (found["prices"]["model"], found["prices"]["kind"]) == ("lead", "note")
    again = CliRunner().invoke(app, ["marks", "import", str(file), "--config", str(own), "--now", NOW])
    assert "0 marks set, 2 stood already, 5 left out." in again.output


def test_a_file_of_marks_needs_its_columns(own: Path, tmp_path: Path) -> None:
    (tmp_path / "marks.csv").write_text("day,what\n2026-05-01,May\n")
    done = CliRunner().invoke(app, ["marks", "import", str(tmp_path / "marks.csv"), "--config", str(own)])

    assert done.exit_code != 0
    assert "has no columns start and text" in str(done.exception or done.output)


def test_a_silence_holds_until_it_is_ended(own: Path) -> None:
    run(own, "silence", "add", "a move of data", "--until", "3d", "--rule", "quality.rows", "--now", NOW)
    (silence,) = printed(own, "silence", "list", "--now", NOW)
    assert silence["active"]
    assert silence["until"].startswith("2026-04-02")

    run(own, "silence", "end", str(silence["id"]), "--now", NOW)

    assert not printed(own, "silence", "list", "--now", NOW)[0]["active"]


def test_a_silence_cannot_end_before_it_begins(own: Path) -> None:
    with pytest.raises(GoalkeeperError, match="is over already"):
        run(own, "silence", "add", "why", "--until", "2026-03-01", "--now", NOW)


def test_requests_are_listed(own: Path) -> None:
    from store import requests

    store = Store.open(load(own).store.reveal())
    with store.write() as session:
        requests.ask(session, "collect", {"model": "lead"}, actor="ann", now=small.NOW)
    store.close()

    (row,) = printed(own, "requests", "list")

    assert (row["kind"], row["state"], row["actor"]) == ("collect", "queued", "ann")


# ---- how it ends


def test_an_unknown_model_is_wrong_usage_and_the_nearest_is_named(collected: Path) -> None:
    assert "Did you mean lead?" in run(collected, "alerts", "list", "--model", "led", code=2)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("collect", "--config", "gone.yaml"), 2, "`goalkeeper init` writes one"),
        (("tickets", "show", "99", "--config", "goalkeeper.yaml"), 1, "→ See `goalkeeper tickets list`."),
        (("plan", "--config", "goalkeeper.yaml"), 0, ""),
    ],
)
def test_it_ends_with_0_1_or_2_and_the_next_step(
    words: tuple[str, ...], code: int, told: str, collected: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "goalkeeper", *words], cwd=collected.parent, capture_output=True, text=True,
        timeout=120, env={"PYTHONPATH": str(HOME), "PATH": ""},
    )  # fmt: skip

    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
