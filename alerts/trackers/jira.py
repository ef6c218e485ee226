"""Issues of a Jira project, in the cloud or on a server of one's own.

The ticket's key becomes a label (`goalkeeper-1a2b3c4d5e`); an issue is looked for by it before one is made.
Jira's search may lag some seconds behind in the cloud; the next sync comes later than that. To close, the
first transition that leads to a status of the category 'done' is taken. Closing, assigning and commenting
over there are heard at the next sync.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from alerts.trackers._written import WIKI, written
from alerts.trackers.base import Heard, Mirrored, Place, TrackerOptions, refused, short_key, unreachable
from core.config import Secret
from core.config.values import Duration
from core.errors import DeliveryError
from core.text import gettext as _
from core.web import Address

if TYPE_CHECKING:
    from jira import JIRA, Issue

EXTRA = "jira"


class Options(TrackerOptions):
    """`project` is the project's key; `user` with `token` in the cloud, a `token` alone on an own server.

    `type` is the issues' type.
    """

    url: Address
    project: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    user: str = ""
    token: Secret
    type: str = Field("Task", min_length=1)
    timeout: Duration = Field(timedelta(seconds=20))


class Tracker:
    """Speaks to one project."""

    def __init__(self, options: BaseModel | None) -> None:
        assert isinstance(options, Options)
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Change the issue, or find or make it."""
        with self._client() as jira:
            told = {"summary": ticket.title, "description": written(ticket.text, WIKI)}
            issue = jira.issue(handle) if handle else self._find(jira, ticket.key)
            if issue is None:
                labels = [short_key(ticket.key), ticket.kind, ticket.severity]
                issue = jira.create_issue(
                    project={"key": self._options.project}, issuetype={"name": self._options.type},
                    labels=labels, summary=told["summary"], description=told["description"],
                )  # fmt: skip
            fields: Any = issue.fields
            if {"summary": fields.summary, "description": fields.description} != told:
                issue.update(fields=told)
            if ticket.closed and not _is_done(fields.status):
                if ticket.said:
                    jira.add_comment(issue, written(ticket.said, WIKI))
                jira.transition_issue(issue, self._way(jira, issue, done=True))
            elif ticket.back and _is_done(fields.status):
                jira.transition_issue(issue, self._way(jira, issue, done=False))
            return Place(handle=issue.key, link=f"{self._options.url}/browse/{issue.key}")

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Read the comments and the changes of one issue."""
        with self._client() as jira:
            issue = jira.issue(handle, fields="comment,status", expand="changelog")
            me = _identity(jira.myself())
            found = []
            for comment in issue.raw["fields"]["comment"]["comments"]:
                at, who = datetime.fromisoformat(comment["created"]), comment["author"]
                if at > since and _identity(who) != me:
                    told = f"comment-{comment['id']}"
                    found.append(Heard(id=told, at=at, actor=_name(who), comment=comment["body"]))
            for change in issue.raw["changelog"]["histories"]:
                at, who = datetime.fromisoformat(change["created"]), change["author"]
                if at <= since or _identity(who) == me:
                    continue
                for count, item in enumerate(change["items"]):
                    told = f"change-{change['id']}-{count}"
                    if item["field"] == "status":
                        done = self._is_end(jira, item["to"])
                        found.append(Heard(id=told, at=at, actor=_name(who), closed=done))
                    elif item["field"] == "assignee" and item["toString"]:
                        found.append(Heard(id=told, at=at, actor=_name(who), assignee=item["toString"]))
            return sorted(found, key=lambda one: (one.at, one.id))

    def _find(self, jira: "JIRA", key: str) -> "Issue | None":
        asked = f'project = "{self._options.project}" AND labels = "{short_key(key)}" ORDER BY created'
        found = jira.search_issues(asked, maxResults=1, fields="summary,description,status")
        return next(iter(found), None)

    def _way(self, jira: "JIRA", issue: "Issue", *, done: bool) -> str:
        for transition in jira.transitions(issue):
            if (transition["to"]["statusCategory"]["key"] == "done") is done:
                return str(transition["id"])
        said = (
            _("Jira {project}: no step leads from '{status}' to a status that is done.")
            if done
            else _("Jira {project}: no step leads from '{status}' back to work.")
        )
        raise DeliveryError(
            said.format(project=self._options.project, status=str(issue.fields.status)[:50]), permanent=True,
            hint=_("Let the project's workflow allow it, or move the issue by hand."),
        )  # fmt: skip

    def _is_end(self, jira: "JIRA", status: str) -> bool:
        return any(one.id == status and _is_done(one) for one in jira.statuses())

    @contextmanager
    def _client(self) -> Iterator["JIRA"]:
        """Return a client; what goes wrong is told in words, without the token."""
        from jira import JIRA, JIRAError
        from requests import RequestException

        options = self._options
        place, token = f"Jira {options.project}", options.token.reveal()
        try:
            jira = JIRA(
                options.url, options={"headers": {"User-Agent": "goalkeeper"}}, max_retries=0,
                basic_auth=(options.user, token) if options.user else None,
                token_auth=None if options.user else token, timeout=options.timeout.total_seconds(),
            )  # fmt: skip
            with closing(jira):
                yield jira
        except JIRAError as error:
            raise refused(place, error.status_code or 0, error.text or "") from None  # it holds the token
        except (RequestException, OSError) as error:
            raise unreachable(place, error) from error


def _is_done(status: Any) -> bool:
    return bool(status.statusCategory.key == "done")


def _identity(who: dict[str, Any]) -> str:
    return str(who.get("accountId") or who.get("name"))


def _name(who: dict[str, Any]) -> str:
    return str(who.get("displayName") or who.get("name") or "")
