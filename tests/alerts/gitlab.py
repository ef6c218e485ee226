"""A server on this machine that takes and refuses what GitLab's issues do, as its REST description says."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving import Answer, serving

TOKEN = "glpat-a-token-of-the-tests"
BOT, ANA = "goalkeeper-bot", "ana"
PROJECT = "/api/v4/projects/acme%2Fleads"


@dataclass
class Lab:
    """A project's issues, and how the server answers next; see `tests.alerts.github.Hub`."""

    url: str = ""
    clock: datetime = datetime(2026, 4, 21, 6, tzinfo=UTC)
    lose: bool = False
    status: int = 0
    issues: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    count: int = 0

    def tick(self) -> str:
        self.clock += timedelta(seconds=5)
        return f"{self.clock:%Y-%m-%dT%H:%M:%S}.120Z"

    def says(self, number: int, body: str, who: str = ANA, *, system: bool = False) -> dict[str, Any]:
        self.count += 1
        made = {
            "id": self.count, "body": body, "author": {"username": who}, "created_at": self.tick(),
            "system": system,
        }  # fmt: skip
        self.notes[number].append(made)
        return made

    def closes(self, number: int, who: str = ANA) -> None:
        self.count += 1
        self.issues[number - 1]["state"] = "closed"
        self.events[number].append(
            {"id": self.count, "user": {"username": who}, "created_at": self.tick(), "state": "closed"}
        )

    def is_closed(self, number: int) -> bool:
        return bool(self.issues[number - 1]["state"] == "closed")

    def assigns(self, number: int, name: str) -> None:
        self.says(number, f"assigned to @{name}", system=True)


@contextmanager
def gitlab() -> Iterator[Lab]:
    """Serve a project acme/leads."""
    lab = Lab()

    def answer(method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        asked = urlsplit(path)
        if headers.get("Private-Token") != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        if lab.status:
            return lab.status, {"message": "no"}
        if not asked.path.startswith(f"{PROJECT}/issues"):
            return 404, {"message": "404 Project Not Found"}
        rest = asked.path.removeprefix(f"{PROJECT}/issues").strip("/").split("/")
        return route(method, [one for one in rest if one], json.loads(raw or "{}"), parse_qs(asked.query))

    def route(method: str, rest: list[str], body: dict[str, Any], query: dict[str, list[str]]) -> Answer:
        if not rest and method == "GET":
            label = query.get("labels", query.get("labels[]", [""]))[0]
            return 200, [one for one in lab.issues if label in one["labels"]][::-1]
        if not rest:
            return made(body)
        number = int(rest[0])
        if not 1 <= number <= len(lab.issues):
            return 404, {"message": "404 Not found"}
        issue = lab.issues[number - 1]
        if len(rest) == 1 and method == "GET":
            return 200, issue
        if len(rest) == 1:
            if body.get("state_event", "close") not in ("close", "reopen") or method != "PUT":
                return 400, {"error": "state_event does not have a valid value"}
            issue |= {name: body[name] for name in ("title", "description") if name in body}
            if body.get("state_event") == "close":
                lab.closes(number, BOT)
            elif body.get("state_event") == "reopen":
                issue["state"] = "opened"
            return 200, issue
        if rest[1] == "notes" and method == "POST":
            return 201, lab.says(number, body["body"], BOT)
        if rest[1] == "notes":
            found = lab.notes[number]
            return 200, found[::-1] if query.get("sort") == ["desc"] else found
        return (200, lab.events[number]) if rest[1] == "resource_state_events" else (404, {})

    def made(body: dict[str, Any]) -> Answer:
        if not body.get("title") or not isinstance(body.get("labels", ""), str):
            return 400, {"message": {"title": ["can't be blank"]}}
        number = len(lab.issues) + 1
        lab.issues.append(
            {
                "id": 9000 + number, "iid": number, "title": body["title"], "state": "opened",
                "description": body.get("description"), "labels": body.get("labels", "").split(","),
                "web_url": f"https://gitlab.example.com/acme/leads/-/issues/{number}",
            }
        )  # fmt: skip
        lab.notes[number], lab.events[number] = [], []
        if lab.lose:
            lab.lose = False
            return None
        return 201, lab.issues[-1]

    with serving(answer) as lab.url:
        yield lab
