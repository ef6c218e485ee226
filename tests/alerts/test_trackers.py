"""What every kind of tracker keeps."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.trackers._written import PLAIN, WIKI, written
from alerts.trackers.base import Mirrored
from core.errors import DeliveryError
from core.markdown import escaped
from core.plugins import PORTS, MissingExtraError, load, names
from tests.alerts import github as hub
from tests.alerts import gitlab as lab
from tests.alerts import jira as board
from tests.alerts import roundup as tracker
from tests.notify.servers import post_server

NOW = datetime(2026, 4, 20, 8, tzinfo=UTC)
TICKET = Mirrored(
    key="ticket:lead:outcome:20260420T0000", title="Conversion fell", text="**Fell**\n\n- by 1\\.2 points",
    severity="major", kind="retrain", closed=False, link="http://localhost:8501/tickets?ticket=1",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Over:
    """What a kind speaks to: its options, and who acts there; `people` is None where nothing is heard.

    `people` has `says`, `closes` and `assigns`; made servers also have `lose` and `status`.
    """

    options: dict[str, Any]
    people: Any = None
    number: Callable[[str], Any] = str


@contextmanager
def nothing(_folder: Path) -> Iterator[Over]:
    yield Over(options={})


@contextmanager
def a_receiver(_folder: Path) -> Iterator[Over]:
    with post_server() as (_posts, url):
        yield Over(options={"url": url})


@contextmanager
def a_repository(_folder: Path) -> Iterator[Over]:
    with hub.github() as made:
        made.clock = NOW
        yield Over(
            options={"repo": "acme/leads", "token": hub.TOKEN, "url": made.url}, people=made, number=int
        )


@contextmanager
def a_project(_folder: Path) -> Iterator[Over]:
    with lab.gitlab() as made:
        yield Over(
            options={"project": "acme/leads", "token": lab.TOKEN, "url": made.url}, people=made, number=int
        )


@contextmanager
def a_cloud(_folder: Path) -> Iterator[Over]:
    with board.jira() as made:
        options = {"project": "LEADS", "user": board.USER, "token": board.TOKEN, "url": made.url}
        yield Over(options=options, people=made)


@contextmanager
def an_own_server(_folder: Path) -> Iterator[Over]:
    with board.jira(cloud=False) as made:
        yield Over(options={"project": "LEADS", "token": board.TOKEN, "url": made.url}, people=made)


@contextmanager
def a_real_tracker(folder: Path) -> Iterator[Over]:
    with tracker.roundup(folder) as made:
        options = {"user": tracker.USER, "password": tracker.PASSWORD, "url": made.url}
        yield Over(options=options, people=made)


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Over]]] = {
    "builtin": nothing, "webhook": a_receiver, "github": a_repository, "gitlab": a_project, "jira": a_cloud,
    "jira on an own server": an_own_server, "roundup": a_real_tracker,
}  # fmt: skip
"""What each kind speaks to here; a new kind needs one."""
KINDS = sorted({*names(PORTS["tracker"]), *SERVERS})
SPEAKING = [kind for kind in KINDS if kind not in ("builtin", "webhook")]


@contextmanager
def a_tracker(kind: str, folder: Path) -> Iterator[tuple[Any, Over]]:
    try:
        module = load(PORTS["tracker"], kind.partition(" ")[0])
    except MissingExtraError as missing:
        pytest.skip(missing.message)
    assert module.__doc__
    with SERVERS[kind](folder) as over:
        yield module.Tracker(module.Options.model_validate(over.options)), over


@pytest.mark.parametrize("kind", KINDS)
def test_it_mirrors_a_ticket_again_and_again_as_one(kind: str, tmp_path: Path) -> None:
    with a_tracker(kind, tmp_path) as (one, _over):
        first = one.mirror(TICKET, "", NOW)
        handle = first.handle if first is not None else ""
        assert one.mirror(TICKET, "", NOW) == first
        assert one.mirror(replace(TICKET, text="It fell further."), handle, NOW) == first
        assert list(one.heard(handle, NOW)) == []
        closed = replace(TICKET, text="It fell further.", closed=True, said="It is over.")
        assert one.mirror(closed, handle, NOW) == first
        assert one.mirror(closed, handle, NOW) == first
        assert [heard for heard in one.heard(handle, NOW) if heard.comment] == []


@pytest.mark.parametrize("kind", SPEAKING)
def test_what_is_back_is_open_again(kind: str, tmp_path: Path) -> None:
    with a_tracker(kind, tmp_path) as (one, over):
        place = one.mirror(TICKET, "", NOW)
        for closed, back in ((True, False), (False, True), (False, False)):
            told = replace(TICKET, closed=closed, back=back, said="It is over." if closed else "")
            assert one.mirror(told, place.handle, NOW) == place
            assert over.people.is_closed(over.number(place.handle)) is closed


@pytest.mark.parametrize("kind", SPEAKING)
def test_what_people_do_there_is_heard(kind: str, tmp_path: Path) -> None:
    with a_tracker(kind, tmp_path) as (one, over):
        place = one.mirror(TICKET, "", NOW)
        number = over.number(place.handle)
        over.people.says(number, "the CRM was migrated")
        over.people.assigns(number, "ana")
        over.people.closes(number)
        heard = one.heard(place.handle, NOW)
        assert [told.comment for told in heard if told.comment] == ["the CRM was migrated"]
        assert [told.assignee for told in heard if told.assignee is not None] == ["ana"]
        assert [told.closed for told in heard if told.closed is not None] == [True]
        assert all(told.actor.lower() == "ana" and told.at.tzinfo is not None for told in heard)
        assert len({told.id for told in heard}) == 3
        assert one.heard(place.handle, max(told.at for told in heard)) == []


@pytest.mark.parametrize("kind", [kind for kind in SPEAKING if kind != "roundup"])
def test_an_answer_that_is_lost_makes_no_second_one(kind: str, tmp_path: Path) -> None:
    with a_tracker(kind, tmp_path) as (one, over):
        over.people.lose = True
        with pytest.raises(DeliveryError) as told:
            one.mirror(TICKET, "", NOW)
        assert not told.value.permanent
        assert one.mirror(TICKET, "", NOW) is not None
        assert len(over.people.issues) == 1


@pytest.mark.parametrize("kind", [kind for kind in SPEAKING if kind != "roundup"])
@pytest.mark.parametrize(("status", "permanent"), [(500, False), (503, False), (401, True), (404, True)])
def test_no_is_told_without_the_token(kind: str, status: int, permanent: bool, tmp_path: Path) -> None:
    with a_tracker(kind, tmp_path) as (one, over):
        over.people.status = status
        with pytest.raises(DeliveryError) as told:
            one.mirror(TICKET, "", NOW)
        assert told.value.permanent is permanent
        assert over.options["token"] not in f"{told.value} {told.value.__cause__}"


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    with a_real_tracker(tmp_path) as over:
        module = load(PORTS["tracker"], "roundup")
        one = module.Tracker(module.Options.model_validate(over.options | {"password": "not-the-word"}))
        with pytest.raises(DeliveryError) as told:
            one.mirror(TICKET, "", NOW)
        assert told.value.permanent
        assert "not-the-word" not in str(told.value)


@pytest.mark.parametrize("text", ["{code}!x.png! *b* [a|http://x]", "h1. big", "# one", "__a__ -- ^b^"])
def test_foreign_text_stays_text_where_markdown_is_not_read(text: str) -> None:
    assert written(escaped(text), PLAIN) == text
    wiki = written(escaped(text), WIKI)
    assert wiki.replace("\\", "") == text
    assert all(wiki[at - 1] == "\\" for at, sign in enumerate(wiki) if sign in "{}[]|*!#")
