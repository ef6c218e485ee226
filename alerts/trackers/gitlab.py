"""Issues of a GitLab project.

The ticket's key stands hidden in the issue's description; an issue is looked for by it among those with our
label before one is made. Closing, assigning and commenting over there are heard at the next sync.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from alerts.trackers.base import (
    Heard,
    Mirrored,
    Place,
    TrackerOptions,
    hidden_key,
    is_ours,
    refused,
    unreachable,
)
from core.config import Secret
from core.config.values import Duration
from core.web import Address

EXTRA = "gitlab"
_ASSIGNED = re.compile(r"\Aassigned to @([\w.-]+)")


class Options(TrackerOptions):
    """`project` is group/name; `token` may use the API; `url` is that of an own GitLab server."""

    project: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)+$")
    token: Secret
    url: Address = "https://gitlab.com"
    label: str = Field("goalkeeper", pattern=r"^[^,]{1,50}$")
    timeout: Duration = Field(timedelta(seconds=20))


class Tracker:
    """Speaks to one project."""

    def __init__(self, options: BaseModel | None) -> None:
        assert isinstance(options, Options)
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Change the issue, or find or make it."""
        with self._issues() as issues:
            text = f"{ticket.text}\n\n{hidden_key(ticket.key)}"
            issue = issues.get(int(handle)) if handle else self._find(issues, ticket.key)
            if issue is None:
                labels = ",".join((self._options.label, ticket.kind, ticket.severity))
                issue = issues.create({"title": ticket.title, "description": text, "labels": labels})
            ends = ticket.closed and issue.state != "closed"
            if ends and ticket.said:
                issue.notes.create({"body": f"{ticket.said}\n\n{hidden_key(ticket.key)}"})
            again = ticket.back and issue.state == "closed"
            if ends or again or (issue.title, issue.description) != (ticket.title, text):
                issue.title, issue.description = ticket.title, text
                if ends or again:
                    issue.state_event = "close" if ends else "reopen"
                issue.save()
            return Place(handle=str(issue.iid), link=issue.web_url)

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Read the notes and the changes of state of one issue."""
        with self._issues() as issues:
            issue = issues.get(int(handle), lazy=True)
            found = []
            for note in issue.notes.list(iterator=True, order_by="created_at", sort="desc"):
                at = datetime.fromisoformat(note.created_at)
                if at <= since:
                    break
                if is_ours(note.body):
                    continue
                told, actor = f"note-{note.id}", note.author["username"]
                assigned = _ASSIGNED.match(note.body)
                if not note.system:
                    found.append(Heard(id=told, at=at, actor=actor, comment=note.body))
                elif assigned:
                    found.append(Heard(id=told, at=at, actor=actor, assignee=assigned[1]))
            for event in issue.resourcestateevents.list(iterator=True):
                at = datetime.fromisoformat(event.created_at)
                if at > since and event.state in ("closed", "reopened"):
                    done, actor = event.state == "closed", (event.user or {}).get("username", "")
                    found.append(Heard(id=f"state-{event.id}", at=at, actor=actor, closed=done))
            return sorted(found, key=lambda one: (one.at, one.id))

    def _find(self, issues: Any, key: str) -> Any:
        for issue in issues.list(iterator=True, state="all", labels=[self._options.label]):
            if hidden_key(key) in (issue.description or ""):
                return issue
        return None

    @contextmanager
    def _issues(self) -> Iterator[Any]:
        """Return the project's issues; what goes wrong is told in words, without the token."""
        from gitlab import Gitlab, GitlabError
        from requests import RequestException

        options = self._options
        place = f"GitLab {options.project}"
        gitlab = Gitlab(
            options.url, private_token=options.token.reveal(), timeout=options.timeout.total_seconds(),
            user_agent="goalkeeper", retry_transient_errors=False,
        )  # fmt: skip
        try:
            with gitlab:
                yield gitlab.projects.get(options.project, lazy=True).issues
        except GitlabError as error:
            raise refused(place, error.response_code or 0, str(error.error_message or "")) from error
        except (RequestException, OSError) as error:
            raise unreachable(place, error) from error
