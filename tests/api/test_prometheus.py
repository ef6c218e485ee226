"""A real Prometheus reads what we tell, and its own tool accepts our rules."""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from api.app import create
from goalkeeper.clock import now
from tests.goalkeeper.small import NOW, collect, write
from tests.notify.servers import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs" / "prometheus"
RULES, BOARD = DOCS / "alerts.yml", DOCS / "grafana.json"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="left out: no prometheus"
)


@contextmanager
def exposed(folder: Path) -> Iterator[int]:
    """Serve /metrics of a collected project."""
    project, store, _result = collect(write(folder))
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(create(store, clock=lambda: NOW, project=project), port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _turn in range(200):
        if server.started:
            break
        time.sleep(0.05)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)
        store.close()


def asked(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        told: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return told


@needs_prometheus
def test_the_rules_are_accepted() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rules found" in done.stdout


@needs_prometheus
def test_it_scrapes_and_every_panel_and_rule_finds_its_series(tmp_path: Path) -> None:
    with exposed(tmp_path) as port:
        mine = free_port()
        (tmp_path / "prometheus.yml").write_text(
            f"scrape_configs: [{{job_name: goalkeeper, scrape_interval: 1s, honor_timestamps: false, "
            f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\nrule_files: [{RULES}]\n"
        )
        command = [
            "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--web.listen-address=127.0.0.1:{mine}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        ]  # fmt: skip
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            for _turn in range(100):
                try:
                    if asked(mine, "goalkeeper_alerts_firing"):
                        break
                except OSError:
                    pass
                time.sleep(0.3)
            assert asked(mine, "up")[0]["value"][1] == "1"
            board = json.loads(BOARD.read_text())
            exprs = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
            rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
            named = {name for expr in [*exprs, *(rule["expr"] for rule in rules)] for name in names_in(expr)}
            assert {name for name in named if not asked(mine, name)} == set()
            assert asked(mine, 'goalkeeper_service_error_share{grain="1d", version="", segment=""}')
            assert (now() - NOW).days > 1  # what is replayed is old: the rule on a log that stopped speaks
            stopped = next(rule["expr"] for rule in rules if rule["alert"] == "GoalkeeperLogStopped")
            assert asked(mine, stopped)
        finally:
            process.terminate()
            process.wait(10)


def names_in(expr: str) -> list[str]:
    return [name for name in re.findall(r"\bgoalkeeper_[a-z0-9_]+", expr) if not name.endswith("_")]


def test_the_board_and_the_rules_ask_for_nothing_that_is_not_told(tmp_path: Path) -> None:
    with exposed(tmp_path) as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    exprs = re.findall(r'"expr": "(.*)"', BOARD.read_text()) + re.findall(r"expr: (.*)", RULES.read_text())
    named = {name for expr in exprs for name in names_in(expr)}
    assert len(named) > 6
    assert {name for name in named if f"# TYPE {name} gauge" not in text} == set()
