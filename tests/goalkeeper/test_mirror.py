"""Tickets in a tracker: made once whatever happens, heard once, and nothing from data steers them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("github")

from core.rules import Resolution, TicketState
from goalkeeper.jobs.mirror import sync
from store import mirrors, tickets
from store.tables import MirrorRow, TicketEventRow
from tests.alerts.github import TOKEN, Hub, github
from tests.alerts.house import QUIET, TWO, House, conversions, rows

BAD = 35


@pytest.fixture
def hub() -> Iterator[Hub]:
    with github() as made:
        yield made


class Mirrored(House):
    """A model with one open ticket and a tracker."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        tracker = f"{{kind: github, repo: acme/leads, token: {TOKEN}, url: '{hub.url}'}}"
        super().__init__(folder, rules=f"    rules: {TWO}\ntrackers: {{issues: {tracker}}}")
        self.save(conversions([QUIET[at % 28] for at in range(BAD)]), rows(BAD))
        self.evaluate(BAD)
        self.save(conversions([0.06, 0.06], BAD), rows(2, BAD))
        self.evaluate(BAD + 2)

    def sync(self, hours: float = 0) -> int:
        return sync(project=self.project, store=self.store, now=self.at(BAD + 2) + timedelta(hours=hours))

    def row(self) -> MirrorRow | None:
        with self.store.read() as session:
            return mirrors.mirror(session, self.tickets()[-1].id, "issues")

    def trail(self) -> list[TicketEventRow]:
        with self.store.read() as session:
            return tickets.events(session, self.tickets()[-1].id)


@pytest.fixture
def house(tmp_path: Path, hub: Hub) -> Mirrored:
    return Mirrored(tmp_path, hub)


def test_a_ticket_is_one_issue_that_says_what_it_says(house: Mirrored, hub: Hub) -> None:
    assert house.sync() == 1
    assert house.sync(1) == 0
    (issue,) = hub.issues
    assert issue["title"] == "Lead scoring: Call conversion fell to 6.0\xa0%"
    assert [one["name"] for one in issue["labels"]] == ["goalkeeper", "investigate", "critical"]
    assert "Look here first" in issue["body"]
    assert "](http://localhost:8501/tickets?ticket=1" in issue["body"]
    row = house.row()
    assert row is not None
    assert row.link == issue["html_url"]


def test_an_answer_that_gets_lost_makes_no_second_issue(house: Mirrored, hub: Hub) -> None:
    hub.lose = True
    assert house.sync() == 0
    row = house.row()
    assert row is not None
    assert "cannot be reached" in row.error
    assert house.sync(1) == 1
    assert len(hub.issues) == 1


@pytest.mark.parametrize("status", [403, 500, 502])
def test_a_tracker_that_does_not_answer_is_asked_again_later_and_less_often(
    house: Mirrored, hub: Hub, status: int
) -> None:
    hub.status = status
    house.sync()
    asked = len(hub.asked)
    house.sync()
    assert len(hub.asked) == asked
    hub.status = 0
    assert house.sync(0.5) == 1
    assert len(hub.issues) == 1


def test_a_tracker_that_answers_again_has_no_error(house: Mirrored, hub: Hub) -> None:
    house.sync()
    hub.status = 500
    house.sync(1)
    hub.status = 0
    assert house.sync(3) == 0
    row = house.row()
    assert row is not None
    assert (row.error, row.attempts) == ("", 0)


def test_no_error_holds_the_token(house: Mirrored, hub: Hub) -> None:
    hub.status = 401
    house.sync()
    row = house.row()
    assert row is not None
    assert "refused the token" in row.error
    assert TOKEN not in row.error


def test_what_people_say_there_stands_here_once(house: Mirrored, hub: Hub) -> None:
    house.sync()
    hub.says(1, "the CRM was migrated on Monday")
    hub.does(1, "assigned", assignee={"login": "ben"})
    house.sync(1)
    house.sync(2)
    hub.says(1, "done?")
    house.sync(3)
    told = [(event.actor, event.action, event.detail.get("text")) for event in house.trail()]
    assert told[1:] == [
        ("ana (issues)", "commented", "the CRM was migrated on Monday"),
        ("ana (issues)", "assigned", None),
        ("ana (issues)", "commented", "done?"),
    ]
    assert house.tickets()[-1].assignee == "ben"


def test_closing_there_closes_here_only_what_is_over(house: Mirrored, hub: Hub) -> None:
    house.sync()
    hub.does(1, "closed")
    house.sync(1)
    ticket = house.tickets()[-1]
    assert ticket.state == TicketState.ACKNOWLEDGED
    assert "still fires" in house.trail()[-2].detail["text"]


def test_a_ticket_that_recovered_closes_its_issue_with_the_reason(house: Mirrored, hub: Hub) -> None:
    house.sync()
    house.save(conversions([0.12] * 4, BAD + 2), rows(4, BAD + 2))
    house.evaluate(BAD + 6)
    assert house.tickets()[-1].resolution == Resolution.RECOVERED
    house.sync(96)
    (issue,) = hub.issues
    assert issue["state"] == "closed"
    assert "back to normal" in hub.comments[1][0]["body"]
    house.sync(97)
    assert len(hub.comments[1]) == 1
    assert [event.action for event in house.trail()] == ["opened", "recovered"]
    hub.says(1, "thank you")
    house.sync(98)
    house.sync(99)
    assert [event.action for event in house.trail()] == ["opened", "recovered", "commented"]
    assert len(hub.comments[1]) == 2
    asked = len(hub.asked)
    house.sync(24 * 30)
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "@acme/everybody look", "[x](https://evil.example)", "fixes #1\r\n# big",
     "=cmd|' /C calc'!A0", "ж" * 10_000],
)  # fmt: skip
def test_no_text_from_data_steers_an_issue(tmp_path: Path, hub: Hub, text: str) -> None:
    house = Mirrored(tmp_path, hub)
    with house.store.write() as session:
        ticket = tickets.ticket(session, 1)
        assert ticket is not None
        findings = [one | {"title": text, "reason": text} for one in ticket.evidence["findings"]]
        ticket.title, ticket.evidence = text, ticket.evidence | {"findings": findings}
    house.sync()
    (issue,) = hub.issues
    assert len(issue["title"]) <= 250
    assert "\n" not in issue["title"]
    assert len(issue["body"]) < 20_000
    for steering in (r"(?<!\\)<script", "@acme", r"(?<!\\)\]\(https://evil", "#1", r"\n# big"):
        assert re.search(steering, issue["body"]) is None
    assert "@acme" not in issue["title"]
