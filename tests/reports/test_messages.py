"""What messages say, to whom nothing else is known."""

import re

import pytest

from core import plugins
from core.errors import GoalkeeperError
from core.evidence import Drifted, Evidence
from core.rules import Resolution
from reports.messages import render
from reports.wording import Links, amount, first_looks, seen
from store import tickets
from tests.alerts.house import House, conversions, rows
from tests.reports.told import NOON, carrier, evidence, finding, outbox_row, split, when


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def opened(house, found: Evidence, **more):
    told = {"kind": "investigate", "severity": "critical", "title": "Call conversion fell to 8.8 %"} | more
    with house.store.write() as session:
        incident = tickets.open_incident(
            session, model="lead", cause="outcome", severity=told["severity"], since=when(20), now=NOON
        )
        ticket = tickets.open_ticket(
            session, key="ticket:lead:outcome:20260420T0000", model="lead", incident_id=incident.id,
            evidence=found.model_dump(mode="json"), acknowledge_by=when(30), now=NOON, actor="gk", **told,
        )  # fmt: skip
        return ticket.id


def test_it_says_what_happened_and_what_it_means(house):
    number = opened(house, evidence())
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)
    text = " ".join(message.text.split()).replace("\xa0", " ")
    for words in (
        "Call conversion fell to 8.8 % (likely 7.6 % to 10.0 %) on 21 April; about 12.0 % is normal.",
        "That is about 64 fewer than usual among 2,000.",
        "Call conversion stands at 11.8 % (likely 11.2 % to 12.4 %) and is to reach 15.0 % by",
        "31 December 2026: at risk.",
        "1. The segment region=north: 5.0 % there, 12.0 % before",
        "2. The columns that drifted most: age",
        "3. Release v7 of 18 April: did the harm begin with it?",
        "Last release: v7, since 18 April",
        "Runbook: https://wiki.example.com/lead",
        "Acknowledge by: 30 April",
        "Owner: growth@example.com",
        f"http://localhost:8501/tickets?ticket={number}&as_of=2026-04-29T12%3A00%3A00Z",
    ):
        assert words in text
    assert message.subject.replace("\xa0", " ") == "▲ Lead scoring: Call conversion fell to 8.8 %"
    assert (message.kind, message.severity, message.key) == (
        "opened", "critical", "ticket:lead:outcome:20260420T0000",
    )  # fmt: skip


def test_a_letter_tells_what_changed_in_columns_and_how_much_they_matter(house):
    columns = (
        Drifted(column="the score", value=0.6, reason="the score is lower since 7 April", importance=1.0),
        Drifted(column="age", value=0.3, reason="age is lower since 7 April", importance=0.33),
        Drifted(column="city", value=0.5, importance=0.0),
    )
    number = opened(house, evidence(drifted=columns, split=split(), carrier=carrier()))
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)
    text = " ".join(message.text.split()).replace("\xa0", " ")

    assert "What looks different, by its weight for the model" in text
    assert "the score is lower since 7 April." in text
    assert "age is lower since 7 April; by itself it tells 33.0 % of the score's variation." in text
    assert "Had it stayed as it was, Call conversion would be 14.0 %." in text


def test_without_a_score_columns_are_ranked_by_distance_and_it_says_so(house):
    found = evidence(drifted=(Drifted(column="age", value=0.3, reason="age is lower since 7 April"),))
    number = opened(house, found)
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)

    assert "the reference has no score to weigh by" in " ".join(message.text.split())


def test_it_says_in_html_what_it_says_in_text(house):
    number = opened(house, evidence())
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)
    html = " ".join(re.sub(r"<[^>]+>", " ", message.html).split())
    assert "Call conversion fell to 8.8\xa0%" in message.html
    assert "Critical" in html
    assert "▲" in html
    assert "prefers-color-scheme: dark" in message.html
    assert "<script" not in message.html
    assert not re.findall(r'src="(?!cid:)', message.html)


def test_it_draws_the_series_that_fired(house):
    house.save(conversions([0.12] * 110), rows(110))
    number = opened(house, evidence())
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)
    (picture,) = message.pictures
    assert picture.png.startswith(b"\x89PNG")
    assert "12.0\xa0% before, 8.8\xa0% at worst" in picture.text
    assert f'src="cid:{picture.name}"' in message.html
    assert "Call conversion" in message.text


def test_it_escapes_what_others_wrote(house):
    evil = '<img src=x onerror=alert(1)> & "quotes"'
    found = evidence(finding(title=evil, column=evil), release=None)
    number = opened(house, found, title=f"{evil}\r\nBcc: x@example.com")
    message = render(house.store, outbox_row(payload={"ticket": number}), house.project)
    assert "<img src=x" not in message.html
    assert "&lt;img src=x" in message.html
    assert "\n" not in message.subject
    assert "\r" not in message.text


def test_it_links_only_to_the_web(tmp_path):
    made = House(tmp_path)
    file = tmp_path / "goalkeeper.yaml"
    file.write_text(file.read_text().replace("https://wiki.example.com/lead", "javascript:alert(1)"))
    from core.config import load

    number = opened(made, evidence())
    message = render(made.store, outbox_row(payload={"ticket": number}), load(file))
    made.store.close()
    assert "javascript:" not in message.html


def test_it_tells_an_update(house):
    number = opened(house, evidence())
    loss = finding(rule="performance.primary", metric="performance.log_loss", title="Log loss", unit="",
                   value=0.61, expected=0.4, effect=0.21, lower=None, upper=None)  # fmt: skip
    payload = {"ticket": number, "finding": loss.model_dump(mode="json")}
    message = render(house.store, outbox_row("update", payload=payload), house.project)
    assert "Log loss rose to 0.610 on 21 April; about 0.400 is normal." in " ".join(message.text.split())
    assert message.subject == "▲ Lead scoring: Also: Log loss rose to 0.610"


@pytest.mark.parametrize("how", list(Resolution))
def test_it_tells_that_it_is_over_and_why(house, how):
    number = opened(house, evidence())
    with house.store.write() as session:
        ticket = tickets.ticket(session, number)
        tickets.close_ticket(session, ticket, resolution=how, now=when(30), actor="goalkeeper")
    message = render(house.store, outbox_row("resolved", payload={"ticket": number}), house.project)
    assert message.subject.startswith("✓ Lead scoring: Resolved")
    assert "Closed: 30 April" in message.text
    assert message.key == "ticket:lead:outcome:20260420T0000"


def test_it_sums_a_long_past_up(house):
    summary = {
        "first": "2025-05-01T00:00:00Z",
        "last": "2026-04-29T00:00:00Z", "windows": 363, "harm": 4, "notices": 1,
        "good": 2, "lasting": [finding().model_dump(mode="json")], "tickets": [1],
    }  # fmt: skip
    row = outbox_row("summary", key="summary:lead|summary|owners", payload={"summary": summary})
    message = render(house.store, row, house.project)
    text = " ".join(message.text.split())
    assert "363 windows from 1 May 2025 to 28 April 2026 were looked through." in text
    assert "They hold 4 alerts of harm, 1 notice and 2 moves the good way" in text
    assert "What lasts until now" in text
    assert "1 ticket opened" in message.subject


def test_it_writes_a_test_message(house):
    row = outbox_row("test", key="test:1|test|owners", payload={}, severity="notice")
    message = render(house.store, row, house.project)
    assert "A test message of the channel 'owners'; nothing has happened." in message.text


def test_it_says_that_a_ticket_is_gone(house):
    with pytest.raises(GoalkeeperError, match="Ticket 99 is gone"):
        render(house.store, outbox_row(payload={"ticket": 99}), house.project)


def test_it_says_nothing_in_absolute_figures_where_there_are_none():
    assert amount(finding(unit="ms")) == ""
    assert amount(finding(n=0)) == ""


def test_it_repeats_the_reason_where_there_is_no_number(house):
    stopped = finding(
        rule="service.freshness", reason="No rows since 2026-04-20; about 300 were to be expected"
    )
    assert seen(stopped, house.project.zone) == "No rows since 2026-04-20; about 300 were to be expected."


@pytest.mark.parametrize("kind", ["retrain", "fix_data", "fix_service", "investigate"])
def test_it_always_names_three_things_to_look_at(house, kind):
    bare = evidence(drifted=(), segments=(), release=None)
    looks = first_looks(kind, bare, Links("http://x/", "lead", NOON), house.project.zone)
    assert len(looks) == 3
    known = plugins.names(plugins.PORTS["page"])
    for _text, link in looks:
        assert link.startswith("http://x/") and "?model=lead" in link
        assert link.removeprefix("http://x/").partition("?")[0] in known
