"""A server on this machine that takes and refuses what Jira's issues do, as its REST description says."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving import Answer, serving

USER, TOKEN = "bot@example.com", "a-jira-token-of-the-tests"
BOT = {"accountId": "1", "displayName": "Goalkeeper"}
ANA = {"accountId": "2", "displayName": "Ana"}
OPEN = {"id": "1", "name": "To Do", "statusCategory": {"id": 2, "key": "new"}}
DONE = {"id": "3", "name": "Done", "statusCategory": {"id": 3, "key": "done"}}


@dataclass
class Board:
    """A project's issues, and how the server answers next; see `tests.alerts.github.Hub`."""

    url: str = ""
    cloud: bool = True
    clock: datetime = datetime(2026, 4, 21, 6, tzinfo=UTC)
    lose: bool = False
    status: int = 0
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    count: int = 0

    def tick(self) -> str:
        self.count += 1
        self.clock += timedelta(seconds=5)
        return f"{self.clock:%Y-%m-%dT%H:%M:%S}.120+0000"

    def says(self, key: str, body: str, who: Mapping[str, str] = ANA) -> dict[str, Any]:
        made = {"id": str(self.count), "body": body, "author": who, "created": self.tick()}
        self.issues[key]["fields"]["comment"]["comments"].append(made)
        return made

    def changes(self, key: str, item: dict[str, Any], who: Mapping[str, str]) -> None:
        told = {"id": str(self.count), "author": who, "created": self.tick(), "items": [item]}
        self.issues[key]["changelog"]["histories"].insert(0, told)

    def closes(self, key: str, who: Mapping[str, str] = ANA) -> None:
        self.issues[key]["fields"]["status"] = DONE
        self.changes(key, {"field": "status", "from": "1", "to": "3", "toString": "Done"}, who)

    def is_closed(self, key: str) -> bool:
        return bool(self.issues[key]["fields"]["status"] == DONE)

    def assigns(self, key: str, name: str) -> None:
        self.changes(key, {"field": "assignee", "from": None, "to": "7", "toString": name}, ANA)


@contextmanager
def jira(*, cloud: bool = True) -> Iterator[Board]:
    """Serve a project LEADS."""
    board = Board(cloud=cloud)
    known = f"Basic {base64.b64encode(f'{USER}:{TOKEN}'.encode()).decode()}" if cloud else f"Bearer {TOKEN}"

    def answer(method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        asked = urlsplit(path)
        if headers.get("Authorization") != known:
            return 401, {"errorMessages": ["You are not authenticated."]}
        if board.status:
            return board.status, {"errorMessages": ["no"]}
        if not asked.path.startswith("/rest/api/2/"):
            return 404, {}
        rest = asked.path.removeprefix("/rest/api/2/").split("/")
        return route(method, rest, json.loads(raw or "{}"), parse_qs(asked.query))

    def route(method: str, rest: list[str], body: dict[str, Any], query: dict[str, list[str]]) -> Answer:
        if rest == ["serverInfo"]:
            told = {"deploymentType": "Cloud" if cloud else "Server", "versionNumbers": [9, 12, 0]}
            return 200, {"version": "9.12.0", **told}
        if rest == ["myself"]:
            return 200, BOT
        if rest == ["status"]:
            return 200, [OPEN, DONE]
        if rest == ["field"]:
            return 200, []
        if rest in (["search"], ["search", "jql"]):
            if (rest == ["search"]) is cloud:
                return 410, {"errorMessages": ["The requested API has been removed."]}
            asked = re.fullmatch(
                r'project = "LEADS" AND labels = "([\w-]+)" ORDER BY created', query["jql"][0]
            )
            if asked is None:
                return 400, {"errorMessages": ["Error in the JQL Query"]}
            found = [one for one in board.issues.values() if asked[1] in one["fields"]["labels"]]
            return 200, {"issues": found, "total": len(found), "isLast": True}
        if rest == ["issue"]:
            return made(body)
        for key, issue in board.issues.items():
            if rest[1] in (key, issue["id"]):
                return on_issue(method, key, rest[2:], body)
        return 404, {"errorMessages": ["Issue does not exist"]}

    def on_issue(method: str, key: str, rest: list[str], body: dict[str, Any]) -> Answer:
        issue = board.issues[key]
        if not rest and method == "GET":
            return 200, issue
        if not rest and method == "PUT":
            if set(body["fields"]) - {"summary", "description"}:
                return 400, {"errors": {"fields": "cannot be set"}}
            issue["fields"] |= body["fields"]
            return 204, None
        if rest == ["comment"]:
            return 201, board.says(key, body["body"], BOT)
        if rest == ["transitions"] and method == "GET":
            return 200, {"transitions": [{"id": "11", "name": "Start", "to": OPEN | {"id": "2"}},
                                         {"id": "31", "name": "Done", "to": DONE}]}  # fmt: skip
        if rest == ["transitions"]:
            if str(body["transition"]["id"]) not in ("11", "31"):
                return 400, {"errorMessages": ["It is not a valid transition"]}
            if str(body["transition"]["id"]) == "31":
                board.closes(key, BOT)
            else:
                issue["fields"]["status"] = OPEN
            return 204, None
        return 404, {}

    def made(body: dict[str, Any]) -> Answer:
        fields = body["fields"]
        bad = [name for name in ("summary", "project", "issuetype") if not fields.get(name)]
        if bad or fields["project"] != {"key": "LEADS"} or any(" " in one for one in fields["labels"]):
            return 400, {"errors": dict.fromkeys(bad, "required")}
        key = f"LEADS-{len(board.issues) + 1}"
        more = {"status": OPEN, "comment": {"comments": []}}
        place = f"{board.url}/rest/api/2/issue/{len(board.issues) + 1}"
        board.issues[key] = {
            "id": str(len(board.issues) + 1), "key": key, "self": place, "fields": fields | more,
            "changelog": {"histories": []},
        }  # fmt: skip
        if board.lose:
            board.lose = False
            return None
        return 201, {"id": board.issues[key]["id"], "key": key, "self": place}

    with serving(answer) as board.url:
        yield board
