"""What every kind of tracker keeps."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from alerts.trackers.base import Mirrored
from core.plugins import PORTS, MissingExtraError, load, names
from tests.alerts.github import TOKEN, github
from tests.notify.servers import post_server

NOW = datetime(2026, 4, 20, 8, tzinfo=UTC)
TICKET = Mirrored(
    key="ticket:lead:outcome:20260420T0000", title="Conversion fell", text="It fell.", severity="major",
    kind="retrain", closed=False, link="http://localhost:8501/tickets?ticket=1",
)  # fmt: skip


@contextmanager
def nothing() -> Iterator[dict[str, str]]:
    yield {}


@contextmanager
def a_receiver() -> Iterator[dict[str, str]]:
    with post_server() as (_posts, url):
        yield {"url": url}


@contextmanager
def a_repository() -> Iterator[dict[str, str]]:
    with github() as hub:
        yield {"repo": "acme/leads", "token": TOKEN, "url": hub.url}


SERVERS: dict[str, Callable[[], AbstractContextManager[dict[str, str]]]] = {
    "builtin": nothing, "webhook": a_receiver, "github": a_repository,
}  # fmt: skip
"""What each kind speaks to here; a new kind needs one."""


@pytest.mark.parametrize("kind", names(PORTS["tracker"]))
def test_it_mirrors_a_ticket_again_and_again_as_one(kind: str) -> None:
    try:
        module = load(PORTS["tracker"], kind)
    except MissingExtraError as missing:
        pytest.skip(missing.message)
    assert module.__doc__
    with SERVERS[kind]() as options:
        made: type[BaseModel] = module.Options
        tracker = module.Tracker(made.model_validate(options))
        first = tracker.mirror(TICKET, "", NOW)
        handle = first.handle if first is not None else ""
        assert tracker.mirror(TICKET, "", NOW) == first
        assert tracker.mirror(replace(TICKET, text="It fell further."), handle, NOW) == first
        assert list(tracker.heard(handle, NOW)) == []
        assert tracker.mirror(replace(TICKET, closed=True, said="It is over."), handle, NOW) == first
        assert [one for one in tracker.heard(handle, NOW) if one.comment] == []
