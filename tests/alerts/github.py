"""A server on this machine that takes and refuses what GitHub's issues do, as its REST description says."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving import Answer, serving

TOKEN = "ghp_a-token-of-the-tests"
BOT, ANA = "goalkeeper-bot", "ana"


@dataclass
class Hub:
    """A repository's issues, and how the server answers next.

    `lose`: the next issue is made, but the answer never arrives. `status`: every answer is this error.
    """

    url: str = ""
    clock: datetime = datetime(2026, 2, 11, 6, tzinfo=UTC)
    lose: bool = False
    status: int = 0
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    count: int = 0

    def tick(self) -> str:
        self.clock += timedelta(seconds=5)
        return f"{self.clock:%Y-%m-%dT%H:%M:%SZ}"

    def says(self, number: int, body: str, who: str = ANA) -> dict[str, Any]:
        """Comment on an issue."""
        self.count += 1
        made = {
            "id": self.count, "body": body, "user": {"login": who}, "created_at": self.tick(),
            "url": f"{self.url}/repos/acme/leads/issues/comments/{self.count}",
        }  # fmt: skip
        self.comments[number].append(made)
        return made

    def closes(self, number: int) -> None:
        self.does(number, "closed")

    def is_closed(self, number: int) -> bool:
        return bool(self.issues[number - 1]["state"] == "closed")

    def assigns(self, number: int, name: str) -> None:
        self.does(number, "assigned", assignee={"login": name})

    def does(self, number: int, event: str, who: str = ANA, **more: Any) -> None:
        """Close, reopen or assign an issue."""
        self.count += 1
        told = {"id": self.count, "event": event, "actor": {"login": who}, "created_at": self.tick(), **more}
        self.events[number].append(told)
        if event in ("closed", "reopened"):
            self.issues[number - 1]["state"] = "closed" if event == "closed" else "open"


@contextmanager
def github() -> Iterator[Hub]:
    """Serve a repository acme/leads."""
    hub = Hub()

    def answer(method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        asked = urlsplit(path)
        hub.asked.append((method, path, raw))
        if headers.get("Authorization") not in (f"token {TOKEN}", f"Bearer {TOKEN}"):
            return 401, {"message": "Bad credentials"}
        if hub.status:
            words = "API rate limit exceeded for user" if hub.status == 403 else "no"
            return hub.status, {"message": words}
        parts = asked.path.strip("/").split("/")
        if parts[:3] != ["repos", "acme", "leads"]:
            return 404, {"message": "Not Found"}
        return route(method, parts[3:], json.loads(raw) if raw else {}, parse_qs(asked.query))

    def route(method: str, rest: list[str], body: dict[str, Any], query: dict[str, list[str]]) -> Answer:
        if not rest:
            return 200, {"full_name": "acme/leads", "url": f"{hub.url}/repos/acme/leads"}
        if rest == ["issues"] and method == "GET":
            label = query.get("labels", [""])[0]
            page = int(query.get("page", ["1"])[0])
            found = [one for one in hub.issues if label in [label_["name"] for label_ in one["labels"]]]
            return 200, found[::-1] if page == 1 else []
        if rest == ["issues"]:
            return made(body)
        number = int(rest[1])
        if not 1 <= number <= len(hub.issues):
            return 404, {"message": "Not Found"}
        issue = hub.issues[number - 1]
        if len(rest) == 2 and method == "GET":
            return 200, issue
        if len(rest) == 2:
            return changed(number, issue, body)
        if rest[2] == "comments" and method == "POST":
            return 201, hub.says(number, body["body"], BOT)
        if rest[2] == "comments":
            since = query.get("since", [""])[0]
            return 200, [one for one in hub.comments[number] if one["created_at"] >= since]
        return 200, hub.events[number]

    def made(body: dict[str, Any]) -> Answer:
        title, labels = body.get("title"), body.get("labels", [])
        if not isinstance(title, str) or not title or not all(isinstance(one, str) for one in labels):
            return 422, {"message": "Validation Failed"}
        number = len(hub.issues) + 1
        place = f"{hub.url}/repos/acme/leads/issues/{number}"
        hub.issues.append(
            {
                "number": number, "id": 1000 + number, "title": title, "body": body.get("body"),
                "state": "open", "labels": [{"name": one} for one in labels], "url": place,
                "html_url": f"https://github.example.com/acme/leads/issues/{number}",
                "created_at": hub.tick(), "comments_url": f"{place}/comments",
            }
        )  # fmt: skip
        hub.comments[number], hub.events[number] = [], []
        if hub.lose:
            hub.lose = False
            return None
        return 201, hub.issues[-1]

    def changed(number: int, issue: dict[str, Any], body: dict[str, Any]) -> Answer:
        if body.get("state", "open") not in ("open", "closed") or body.get("title") == "":
            return 422, {"message": "Validation Failed"}
        if body.get("state", issue["state"]) != issue["state"]:
            hub.does(number, "closed" if body["state"] == "closed" else "reopened", BOT)
        issue |= {name: body[name] for name in ("title", "body", "state") if name in body}
        return 200, issue

    with serving(answer) as hub.url:
        yield hub
