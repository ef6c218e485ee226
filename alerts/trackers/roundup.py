"""Issues of a Roundup tracker, by its REST interface (2.0 or newer).

The ticket's key stands short in the title (`[goalkeeper-1a2b3c4d5e]`); an issue is looked for by it before
one is made. What the ticket says is the first message, which is kept up to date. Roundup tells who changed an
issue last, not who closed it: closing and assigning are heard as done by them.
"""

import base64
import json
import urllib.parse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from alerts.trackers._written import PLAIN, written
from alerts.trackers.base import Heard, Mirrored, Place, TrackerOptions, short_key
from core.config import Secret
from core.config.values import Duration
from core.web import Address, ask

STAMP = "%Y-%m-%d.%H:%M:%S"


class Options(TrackerOptions):
    """`url` is the tracker's; `user` with `password` may make issues.

    `open` and `closed` name the first status and the last one.
    """

    url: Address
    user: str = Field(min_length=1)
    password: Secret
    open: str = "unread"
    closed: str = "resolved"
    timeout: Duration = Field(timedelta(seconds=20))


class Tracker:
    """Speaks to one tracker."""

    def __init__(self, options: BaseModel | None) -> None:
        assert isinstance(options, Options)
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Change the issue, or find or make it."""
        told: dict[str, Any] = {"title": f"{ticket.title} [{short_key(ticket.key)}]"}
        text = written(ticket.text, PLAIN)
        handle = handle or self._find(ticket.key)
        if not handle:
            said = self._say(text, now)
            handle = self._ask("POST", "issue", {**told, "messages": [said]})["id"]
        issue = self._ask("GET", f"issue/{handle}?@verbose=2")
        fields: dict[str, Any] = issue["attributes"]
        changed = {name: value for name, value in told.items() if fields[name] != value}
        first = min((int(one["id"]) for one in fields["messages"]), default=0)
        if not first:
            changed["messages"] = [self._say(text, now)]
        else:
            held = self._ask("GET", f"msg/{first}/content")
            if held["data"] != text:
                self._change(f"msg/{first}", {"content": text}, held["@etag"])
        if ticket.closed and (fields["status"] or {}).get("name") != self._options.closed:
            changed["status"] = self._options.closed
            if ticket.said:
                said = self._say(written(ticket.said, PLAIN), now)
                changed["messages"] = [*(one["id"] for one in fields["messages"]), said]
        elif ticket.back and (fields["status"] or {}).get("name") == self._options.closed:
            changed["status"] = self._options.open
        if changed:
            self._change(f"issue/{handle}", changed, issue["@etag"])
        return Place(handle=str(handle), link=f"{self._options.url}/issue{handle}")

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Read the messages of one issue, and how it stands."""
        fields = self._ask("GET", f"issue/{handle}?@verbose=2&@protected=true")["attributes"]
        found = []
        for one in fields["messages"]:
            told = self._ask("GET", f"msg/{one['id']}?@verbose=2")["attributes"]
            author = (told["author"] or {}).get("username", "")
            at = _time(told["date"])
            if author == self._options.user or at is None or at <= since:
                continue
            text = str(self._ask("GET", f"msg/{one['id']}/content")["data"])
            found.append(Heard(id=f"msg-{one['id']}", at=at, actor=author, comment=text))
        at, actor = _time(fields["activity"]), (fields["actor"] or {}).get("username", "")
        if at is not None and at > since and actor != self._options.user:
            if (fields["status"] or {}).get("name") == self._options.closed:
                found.append(Heard(id=f"closed-{fields['activity']}", at=at, actor=actor, closed=True))
            if fields["assignedto"]:
                name = fields["assignedto"]["username"]
                found.append(Heard(id=f"assigned-{fields['activity']}", at=at, actor=actor, assignee=name))
        return sorted(found, key=lambda one: (one.at, one.id))

    def _find(self, key: str) -> str:
        asked = urllib.parse.urlencode({"title": short_key(key), "@sort": "id"})
        found = self._ask("GET", f"issue?{asked}")["collection"]
        return str(found[0]["id"]) if found else ""

    def _say(self, text: str, now: datetime) -> str:
        stamp = now.astimezone(UTC).strftime(STAMP)
        told = {"content": text, "author": self._options.user, "date": stamp}
        return str(self._ask("POST", "msg", told)["id"])

    def _change(self, place: str, told: Mapping[str, Any], etag: str) -> None:
        self._ask("PATCH", place, {**told, "@op": "replace"}, {"If-Match": etag})

    def _ask(
        self,
        method: str,
        place: str,
        told: Mapping[str, Any] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Any:
        options = self._options
        address = urllib.parse.urlsplit(options.url)
        who = f"{options.user}:{options.password.reveal()}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(who).decode()}", "X-Requested-With": "rest",
            "Origin": f"{address.scheme}://{address.netloc}", "Accept": "application/json",
            "Content-Type": "application/json", **(more or {}),
        }  # fmt: skip
        body = None if told is None else json.dumps(told, ensure_ascii=False).encode()
        answer = ask(method, f"{options.url}/rest/data/{place}", body, headers, timeout=options.timeout)
        return json.loads(answer)["data"]


def _time(stamp: str | None) -> datetime | None:
    return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) if stamp else None
