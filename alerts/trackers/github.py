"""Issues of a GitHub repository.

The ticket's key stands in the issue's text; an issue is looked for by it among those with our label before
one is made (GitHub's search lags behind, its lists do not). Closing, assigning and commenting over there are
heard at the next sync.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

EXTRA = "github"


class Options(TrackerOptions):
    """`repo` is owner/name; `token` may read and write its issues; `url` is that of an own GitHub server."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    token: Secret
    url: Address = "https://api.github.com"
    label: str = Field("goalkeeper", min_length=1, max_length=50)
    timeout: Duration = Field(timedelta(seconds=20))


class Tracker:
    """Speaks to one repository."""

    def __init__(self, options: BaseModel | None) -> None:
        assert isinstance(options, Options)
        self._options = options

    def mirror(self, ticket: Mirrored, handle: str, now: datetime) -> Place | None:
        """Change the issue, or find or make it."""
        with self._repository() as repository:
            body = f"{ticket.text}\n\n{hidden_key(ticket.key)}"
            issue = repository.get_issue(int(handle)) if handle else self._find(repository, ticket.key)
            if issue is None:
                labels = [self._options.label, ticket.kind, ticket.severity]
                issue = repository.create_issue(title=ticket.title, body=body, labels=labels)
            if ticket.closed and issue.state != "closed":
                if ticket.said:
                    issue.create_comment(f"{ticket.said}\n\n{hidden_key(ticket.key)}")
                issue.edit(title=ticket.title, body=body, state="closed", state_reason="completed")
            elif ticket.back and issue.state == "closed":
                issue.edit(title=ticket.title, body=body, state="open")
            elif (issue.title, issue.body) != (ticket.title, body):
                issue.edit(title=ticket.title, body=body)
            return Place(handle=str(issue.number), link=issue.html_url)

    def heard(self, handle: str, since: datetime) -> Sequence[Heard]:
        """Read comments and events of one issue."""
        with self._repository() as repository:
            issue = repository.get_issue(int(handle))
            found = [
                Heard(id=f"comment-{one.id}", at=one.created_at, actor=one.user.login, comment=one.body or "")
                for one in issue.get_comments(since=since)
                if not is_ours(one.body or "") and one.created_at > since
            ]
            for event in issue.get_events():
                actor = event.actor.login if event.actor is not None else ""
                if event.created_at <= since:
                    continue
                if event.event in ("closed", "reopened"):
                    done = event.event == "closed"
                    found.append(Heard(id=f"event-{event.id}", at=event.created_at, actor=actor, closed=done))
                elif event.event == "assigned" and event.assignee is not None:
                    name = event.assignee.login
                    found.append(
                        Heard(id=f"event-{event.id}", at=event.created_at, actor=actor, assignee=name)
                    )
            return sorted(found, key=lambda one: (one.at, one.id))

    def _find(self, repository: "Repository", key: str) -> "Issue | None":
        for issue in repository.get_issues(state="all", labels=[self._options.label]):
            if hidden_key(key) in (issue.body or ""):
                return issue
        return None

    @contextmanager
    def _repository(self) -> Iterator["Repository"]:
        """Return the repository; what goes wrong is told in words, without the token."""
        from github import Auth, Github, GithubException, RateLimitExceededException
        from requests import RequestException

        place = f"GitHub {self._options.repo}"
        github = Github(
            base_url=self._options.url, auth=Auth.Token(self._options.token.reveal()), retry=None, lazy=True,
            timeout=int(self._options.timeout.total_seconds()), user_agent="goalkeeper",
            seconds_between_requests=0, seconds_between_writes=0,
        )  # fmt: skip
        try:
            yield github.get_repo(self._options.repo)
        except RateLimitExceededException as error:
            raise refused(place, 429, "") from error
        except GithubException as error:
            raise refused(place, error.status, str(error.message or "")) from error
        except (RequestException, OSError) as error:
            raise unreachable(place, error) from error
        finally:
            github.close()
