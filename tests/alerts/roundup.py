"""A real Roundup tracker on this machine."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.notify.servers import free_port

USER, PASSWORD = "goalkeeper", "a-password-of-the-tests"
ANA = "ana"
SERVE = """\
import sys
from wsgiref.simple_server import make_server
from roundup.cgi.wsgi_handler import RequestDispatcher
make_server("127.0.0.1", int(sys.argv[2]), RequestDispatcher(sys.argv[1])).serve_forever()
"""


@dataclass
class Tracker:
    """A tracker and what people do there."""

    url: str

    def ask(self, method: str, place: str, told: Any = None, etag: str = "", who: str = ANA) -> Any:
        word = base64.b64encode(f"{who}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/rest/data/{place}", method=method,
            data=None if told is None else json.dumps(told).encode(),
            headers={
                "Authorization": f"Basic {word}", "X-Requested-With": "rest", "Origin": self.url,
                "Content-Type": "application/json", "If-Match": etag,
            },
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["data"]

    def change(self, handle: str, told: dict[str, Any], op: str = "replace") -> None:
        issue = self.ask("GET", f"issue/{handle}")
        self.ask("PATCH", f"issue/{handle}", {**told, "@op": op}, issue["@etag"])

    def says(self, handle: str, text: str) -> None:
        now = "2026-04-21.06:00:00"
        made = self.ask("POST", "msg", {"content": text, "author": ANA, "date": now})
        self.change(handle, {"messages": [made["id"]]}, op="add")

    def closes(self, handle: str) -> None:
        self.change(handle, {"status": "resolved"})

    def is_closed(self, handle: str) -> bool:
        status = self.ask("GET", f"issue/{handle}?@verbose=2")["attributes"]["status"]
        return bool(status["name"] == "resolved")

    def assigns(self, handle: str, name: str) -> None:
        self.change(handle, {"assignedto": name})


@contextmanager
def roundup(folder: Path) -> Iterator[Tracker]:
    """Lay a classic tracker out and serve it."""
    pytest.importorskip("roundup")
    port, home = free_port(), folder / "roundup"
    home.mkdir()
    url = f"http://127.0.0.1:{port}"
    _admin(
        home,
        "install",
        "classic",
        "sqlite",
        f"tracker_web={url}/,mail_domain=example.com,mail_host=localhost",
    )
    (home / "detectors" / "nosyreaction.py").unlink()  # it sends mail
    _admin(home, "initialise", PASSWORD)
    for name in (USER, ANA):
        told = (f"username={name}", f"password={PASSWORD}", "roles=User", f"address={name}@example.com")
        _admin(home, "create", "user", *told)
    with (folder / "roundup.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVE, str(home), str(port)], stdout=log, stderr=log
        )
    try:
        tracker = Tracker(url)
        until = time.monotonic() + 30
        while not _answers(tracker):
            assert time.monotonic() < until, (folder / "roundup.log").read_text()
            time.sleep(0.1)
        yield tracker
    finally:
        server.terminate()
        server.wait(10)


def _admin(home: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "roundup.scripts.roundup_admin", "-i", str(home), *words],
        check=True, capture_output=True, timeout=120, env=os.environ | {"EDITOR": "true"},
    )  # fmt: skip


def _answers(tracker: Tracker) -> bool:
    try:
        return bool(tracker.ask("GET", "status")["collection"])
    except OSError:
        return False
