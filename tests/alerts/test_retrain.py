"""What every way to retrain keeps: it starts once, is found again by its key, and says what became of it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from alerts.retrain.base import LONGEST_LOG, House, Run, RunState
from core.errors import DeliveryError
from core.plugins import PORTS, MissingExtraError, load, names
from core.web import signature
from tests.serving import Answer, serving

NOW = datetime(2026, 4, 20, 8, tzinfo=UTC)
KEY = "ticket:lead:outcome:20260407T0000:retraining-1"
BRIEF = {"ticket": {"id": 3, "key": "ticket:lead"}, "harm": {"since": "2026-04-07", "findings": ["x" * 99]}}
SECRET = "a-secret-of-the-tests"


@dataclass
class Yard:
    """What a server over there knows: runs by key, how they stand, and what was asked."""

    url: str = ""
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: str = "running"
    code: int = 0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


Kind = Callable[[Yard, str, str, Any, Mapping[str, str]], tuple[int, Any]]


@contextmanager
def a_yard(kind: Kind) -> Iterator[Yard]:
    """Serve a kind of interface."""
    yard = Yard()

    def answer(method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        yard.asked.append((method, path, dict(headers), raw))
        return (
            (yard.code, {})
            if yard.code
            else kind(yard, method, path, json.loads(raw) if raw else None, headers)
        )

    with serving(answer) as yard.url:
        yield yard


def webhook(yard: Yard, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    header = headers["Goalkeeper-Signature"]
    seconds, _comma, sign = header.removeprefix("t=").partition(",v1=")
    sent = yard.asked[-1][3]
    if sign != signature(SECRET, seconds, sent):
        return 401, {}
    if method == "POST":
        yard.runs[body["key"]] = body
        return 202, {"handle": "job-7"}
    key = parse_qs(urlsplit(path).query)["key"][0]
    if key not in yard.runs:
        return 404, {}
    return 200, {"state": yard.state, "version": "v3" if yard.state == "done" else "", "log": "epoch 1"}


def airflow(yard: Yard, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    if headers.get("Authorization") != f"Bearer {SECRET}":
        return 401, {}
    words = {"running": "running", "done": "success", "failed": "failed"}
    if method == "POST":
        if path != "/api/v1/dags/retrain_leads/dagRuns" or set(body) - {"dag_run_id", "conf", "logical_date"}:
            return 400, {}
        if body["dag_run_id"] in yard.runs:
            return 409, {}
        yard.runs[body["dag_run_id"]] = body
        return 200, body | {"state": "queued"}
    run, _slash, rest = unquote(path).removeprefix("/api/v1/dags/retrain_leads/dagRuns/").partition("/")
    if run not in yard.runs:
        return 404, {}
    if rest:
        return (200, {"value": '"v3"'}) if rest == "taskInstances/register/xcomEntries/version" else (404, {})
    return 200, {"dag_run_id": run, "state": words[yard.state]}


def actions(yard: Yard, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    if headers.get("Authorization") != f"Bearer {SECRET}":
        return 401, {}
    asked = urlsplit(path)
    place = asked.path.removeprefix("/repos/acme/leads/")
    if method == "POST":
        held = {"dispatches": "client_payload", "actions/workflows/train.yml/dispatches": "inputs"}.get(place)
        said = {"client_payload": {"event_type": "retrain"}, "inputs": {"ref": "main"}}.get(held or "")
        if said is None or {key: one for key, one in body.items() if key != held} != said:
            return 422, {}
        if not all(isinstance(one, str) and len(one) < 65_536 for one in body[held].values()):
            return 422, {}
        yard.runs[body[held]["key"]] = body
        return 204, None
    event = parse_qs(asked.query)["event"][0]
    if (place, event) not in (
        ("actions/runs", "repository_dispatch"), ("actions/workflows/train.yml/runs", "workflow_dispatch")
    ):  # fmt: skip
        return 404, {}
    ended = {
        "running": ("in_progress", None),
        "done": ("completed", "success"),
        "failed": ("completed", "failure"),
    }
    status, conclusion = ended[yard.state]
    found = [{"display_title": key, "status": status, "conclusion": conclusion} for key in yard.runs]
    return 200, {"workflow_runs": [{"display_title": "nightly", "status": "completed"}, *found]}


def pipelines(yard: Yard, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    if headers.get("Private-Token") != SECRET:
        return 401, {}
    asked = urlsplit(path)
    place = asked.path.removeprefix("/api/v4/projects/acme%2Fleads/")
    words = {"running": "pending", "done": "success", "failed": "failed"}
    if method == "POST":
        if place != "pipeline" or set(body) != {"ref", "variables"} or body["ref"] != "main":
            return 400, {}
        told = {one["key"]: one["value"] for one in body["variables"]}
        if not all(isinstance(one, str) for one in told.values()) or "GOALKEEPER_TICKET" not in told:
            return 400, {}
        yard.runs[told["GOALKEEPER_KEY"]] = body
        return 201, {"id": 7, "status": "created", "web_url": "https://gitlab.example.com/7"}
    name = parse_qs(asked.query)["name"][0]
    return 200, [
        {"id": 7, "name": key, "status": words[yard.state], "web_url": "https://gitlab.example.com/7"}
        for key in yard.runs
        if key == name
    ]


OVER_THERE: dict[str, tuple[Kind, dict[str, Any]]] = {
    "webhook": (webhook, {"url": "{url}/start", "status_url": "{url}/status", "secret": SECRET}),
    "airflow": (
        airflow,
        {"url": "{url}", "dag": "retrain_leads", "token": SECRET, "version_task": "register"},
    ),
    "github": (actions, {"repo": "acme/leads", "workflow": "train.yml", "token": SECRET, "url": "{url}"}),
    "github by event": (actions, {"repo": "acme/leads", "event": "retrain", "token": SECRET, "url": "{url}"}),
    "gitlab": (pipelines, {"project": "acme/leads", "token": SECRET, "url": "{url}"}),
}
"""Kinds that speak to a server, which each needs one here."""


@contextmanager
def a_way(kind: str, folder: Path) -> Iterator[tuple[Any, Yard]]:
    """Return a way to retrain, and the server that it speaks to."""
    try:
        module = load(PORTS["retrain"], kind.partition(" ")[0])
    except MissingExtraError as missing:
        pytest.skip(missing.message)
    house = House(state_dir=folder / "state", folder=folder)
    if kind == "command":
        (folder / "train.py").write_text(
            "import json, sys\nsys.stdin.read()\nprint(json.dumps({'version': 'v3'}))\n"
        )
        yield module.Retrain(module.Options.model_validate({"run": "python train.py"}), house), Yard()
        return
    answer, options = OVER_THERE[kind]
    with a_yard(answer) as yard:
        told = {key: value.format(url=yard.url) for key, value in options.items()}
        yield module.Retrain(module.Options.model_validate(told), house), yard


def ended(way: Any) -> Run:
    """Wait for a run's end."""
    for _turn in range(200):
        found: Run | None = way.find(KEY, NOW)
        assert found is not None
        if found.state not in (RunState.RUNNING, RunState.STARTING):
            return found
        time.sleep(0.05)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("kind", sorted({*names(PORTS["retrain"]), *OVER_THERE}))
def test_it_starts_is_found_by_its_key_and_ends(kind: str, tmp_path: Path) -> None:
    with a_way(kind, tmp_path) as (way, yard):
        before = way.find(KEY, NOW)
        assert before is None or before.state is RunState.LOST
        assert way.start(KEY, BRIEF, NOW).state is RunState.RUNNING
        running = way.find(KEY, NOW)
        assert running is not None
        assert running.key == KEY
        yard.state = "done"
        done = ended(way)
        assert done.state is RunState.DONE
        assert done.error == ""
        assert done.version in ("v3", "")
        assert len(done.log) <= LONGEST_LOG


@pytest.mark.parametrize("kind", sorted(OVER_THERE))
def test_what_failed_over_there_is_told(kind: str, tmp_path: Path) -> None:
    with a_way(kind, tmp_path) as (way, yard):
        way.start(KEY, BRIEF, NOW)
        yard.state = "failed"
        found = ended(way)
        assert found.state is RunState.FAILED
        assert found.error


@pytest.mark.parametrize("kind", sorted(OVER_THERE))
@pytest.mark.parametrize(("code", "permanent"), [(503, False), (429, False), (401, True), (422, True)])
def test_no_answer_is_told_without_the_secret(kind: str, code: int, permanent: bool, tmp_path: Path) -> None:
    with a_way(kind, tmp_path) as (way, yard):
        yard.code = code
        with pytest.raises(DeliveryError) as told:
            way.start(KEY, BRIEF, NOW)
        assert told.value.permanent is permanent
        assert SECRET not in str(told.value)


@pytest.mark.parametrize("kind", sorted(OVER_THERE))
def test_a_repeated_start_is_one_run(kind: str, tmp_path: Path) -> None:
    with a_way(kind, tmp_path) as (way, yard):
        way.start(KEY, BRIEF, NOW)
        way.start(KEY, BRIEF, NOW)
        assert len(yard.runs) == 1


def test_a_ticket_too_long_for_github_goes_without_its_findings(tmp_path: Path) -> None:
    with a_way("github", tmp_path) as (way, yard):
        way.start(KEY, {**BRIEF, "harm": {"since": "2026-04-07", "findings": ["ж" * 70_000]}}, NOW)
        told = json.loads(yard.runs[KEY]["inputs"]["ticket"])
        assert told["harm"] == {"since": "2026-04-07"}
        assert told["ticket"]["id"] == 3


def test_github_starts_a_workflow_or_an_event() -> None:
    options = load(PORTS["retrain"], "github").Options
    for told in ({}, {"workflow": "train.yml", "event": "retrain"}):
        with pytest.raises(ValueError, match="`workflow` and `event`"):
            options.model_validate({"repo": "acme/leads", "token": SECRET, **told})
