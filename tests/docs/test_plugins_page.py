"""The plug-ins of docs/plugins.md, taken off the page and used by a whole pass."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from alerts.retrain.base import House as WorkHouse
from core.errors import DeliveryError
from core.messages import Message, Severity
from core.plugins import PORTS, load
from goalkeeper.cli import app
from notify.channels.base import Envelope, House

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
FILES = re.compile(r"^`(my_plugins/[\w/]+\.py)`\n\n```python\n(.*?)```", re.M | re.S)
FIRST, DAYS = datetime(2026, 3, 1, tzinfo=UTC), 10
SLOW_DAY, THIN_DAY = 4, 9

PROJECT = """
plugins: ./my_plugins
channels: {logbook: {kind: logbook, path: alerts.log}}
trackers: {wiki: {kind: wiki, folder: wiki}}
models:
  lead-scoring:
    predictions:
      kind: json_array
      path: logs/*.json
      columns: {id: id, time: at, score: p, latency_ms: ms}
    notify: [logbook]
    rules:
      too-slow: {metric: service.slow_share, kind: threshold, above: 0.05}
      half-a-week: {metric: quality.rows, kind: week_ago, share: 0.6}
"""


def unpack(folder: Path) -> Path:
    """Write the page's files below a folder; return the plug-in folder."""
    for name, body in FILES.findall(PAGE.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    return folder / "my_plugins"


def write_log(folder: Path) -> None:
    """Write ten days of 96 requests; on one a quarter of them is slow, and the last has half of them."""
    (folder / "logs").mkdir()
    for day in range(DAYS):
        rows = [
            {
                "id": f"{day}-{number}",
                "at": (FIRST + timedelta(days=day, minutes=15 * number)).isoformat(),
                "p": number / 96,
                "ms": 900.0 if day == SLOW_DAY and number % 4 == 0 else 80.0,
            }
            for number in range(48 if day == THIN_DAY else 96)
        ]
        (folder / "logs" / f"{day}.json").write_text(json.dumps(rows), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    unpack(tmp_path)
    write_log(tmp_path)
    (tmp_path / "wiki").mkdir()
    path = tmp_path / "goalkeeper.yaml"
    path.write_text(PROJECT, encoding="utf-8")
    return path


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_holds_a_plug_in_of_six_ports(tmp_path: Path) -> None:
    folder = unpack(tmp_path)

    assert {path.relative_to(folder).parts[0] for path in folder.rglob("*.py")} == {
        "metrics",
        "sources",
        "channels",
        "rules",
        "trackers",
        "retrain",
    }


def test_every_plug_in_is_listed_as_ready_and_own(project: Path) -> None:
    listed = json.loads(run("plugins", "--config", str(project), "--json"))

    own = {row["kind"]: row for row in listed if row["own"]}
    assert set(own) == {"service.slow_share", "json_array", "logbook", "week_ago", "wiki", "orders"}
    assert not any(row["needs"] for row in own.values())


def test_a_pass_counts_judges_and_tells_with_them(project: Path) -> None:
    now = (FIRST + timedelta(days=SLOW_DAY + 1, hours=5)).isoformat()

    passed = json.loads(run("collect", "--config", str(project), "--now", now, "--json"))

    assert [one["error"] for one in passed["models"]] == [""]
    exported = run(
        "metrics", "export", "--config", str(project), "--metric", "service.slow_share", "--format", "json"
    )
    daily = [row for row in json.loads(exported) if row["grain"] == "1d" and row["state"] == "ok"]
    values = {row["window_start"][:10]: row["value"] for row in daily if row["segment"] == ""}
    assert values["2026-03-04"] == 0.0
    assert values["2026-03-05"] == 0.25
    assert passed["tickets_opened"] == 1
    (mirrored,) = (project.parent / "wiki").glob("*.md")
    assert mirrored.read_text(encoding="utf-8").startswith("# lead-scoring: ")
    told = (project.parent / "alerts.log").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ")[2] for line in told] == ["major"] * len(told) != []


def test_the_rule_compares_with_a_week_ago(project: Path) -> None:
    now = (FIRST + timedelta(days=DAYS, hours=5)).isoformat()

    run("collect", "--config", str(project), "--now", now, "--json")

    alerts = json.loads(run("alerts", "list", "--config", str(project), "--json"))
    found = [row for row in alerts if row["rule"] == "half-a-week"]
    assert [(row["since"][:10], row["state"]) for row in found] == [("2026-03-10", "firing")]
    assert found[0]["reason"] == "Number of rows is 48, a week ago 96"


def test_the_channel_says_why_it_cannot_write(tmp_path: Path) -> None:
    module = load(PORTS["channel"], "logbook", (unpack(tmp_path),))
    house = House(smtp=None, state_dir=tmp_path, public_url="", zone=ZoneInfo("UTC"))
    channel = module.Channel(module.Options(path=tmp_path), house)
    message = Message(key="k", kind="test", severity=Severity.NOTICE, subject="s", text="t", html="")

    with pytest.raises(DeliveryError, match="Is a directory") as told:
        channel.send(message, Envelope(message_id="m", thread="", at=FIRST, now=FIRST))

    assert not told.value.permanent


def test_an_order_is_left_and_its_answer_found(tmp_path: Path) -> None:
    module = load(PORTS["retrain"], "orders", [unpack(tmp_path)])
    way = module.Retrain(module.Options(folder=tmp_path), WorkHouse(state_dir=tmp_path, folder=tmp_path))
    assert way.find("ticket:1", FIRST) is None
    assert way.start("ticket:1", {"model": "lead"}, FIRST).state == "running"
    assert way.find("ticket:1", FIRST).state == "running"
    (tmp_path / "ticket-1.done").write_text("v3\n")
    assert (way.find("ticket:1", FIRST).state, way.find("ticket:1", FIRST).version) == ("done", "v3")
