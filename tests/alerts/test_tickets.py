"""What people do to tickets."""

import pytest

from alerts.tickets import (
    TicketError,
    accept,
    acknowledge,
    assign,
    close,
    comment,
    dismiss,
    may_become,
)
from core.rules import Resolution, TicketState
from store import tickets
from tests.alerts.house import QUIET, House, conversions, day, rows


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    made.save(conversions([QUIET[at % 28] for at in range(35)]), rows(35))
    made.evaluate(35)
    made.save(conversions([0.06] * 3, 35), rows(3, 35))
    made.evaluate(38)
    yield made
    made.store.close()


def act(house, what, *args, at=38, **more):
    with house.store.write() as session:
        what(session, house.tickets()[0].id, *args, actor="kim@example.com", now=house.at(at), **more)
    return house.tickets()[0]


def trail(house):
    with house.store.read() as session:
        return [(event.action, event.actor) for event in tickets.events(session, house.tickets()[0].id)]


def test_it_is_acknowledged_once(house):
    ticket = act(house, acknowledge)
    assert (ticket.state, ticket.acknowledged_at) == (TicketState.ACKNOWLEDGED, house.at(38))
    assert trail(house)[-1] == ("acknowledged", "kim@example.com")
    with pytest.raises(TicketError, match="it cannot become acknowledged") as caught:
        act(house, acknowledge)
    assert "closed" in caught.value.hint


def test_it_takes_comments_and_an_assignee(house):
    act(house, comment, "Looking at the campaign.")
    assert act(house, assign, "lee@example.com").assignee == "lee@example.com"
    assert [action for action, _actor in trail(house)][-2:] == ["commented", "assigned"]
    with pytest.raises(TicketError, match="nothing written"):
        act(house, comment, "  ")


def test_it_is_dismissed_with_a_known_reason(house):
    with pytest.raises(TicketError, match="'false alarm' is no reason") as caught:
        act(house, dismiss, "false alarm")
    assert "Did you mean false_alarm?" in caught.value.hint
    ticket = act(house, dismiss, "false_alarm", text="a test")
    assert (ticket.state, ticket.resolution, ticket.dismissal) == (
        TicketState.CLOSED, Resolution.DISMISSED, "false_alarm",
    )  # fmt: skip


def test_it_is_accepted_from_a_day(house):
    with pytest.raises(TicketError, match="lies in the future"):
        act(house, accept, since=day(50).start, reason="x")
    ticket = act(house, accept, since=day(35).start, reason="new price list")
    assert ticket.resolution == Resolution.ACCEPTED


def test_it_is_not_closed_while_its_alert_fires(house):
    with pytest.raises(TicketError, match=r"1 of its alerts still fires \(business.conversion\)"):
        act(house, close)


def test_it_refuses_a_closed_ticket(house):
    act(house, dismiss, "known_cause")
    for what, args in ((acknowledge, ()), (assign, ("lee",)), (dismiss, ("duplicate",)), (close, ())):
        with pytest.raises(TicketError, match="is closed"):
            act(house, what, *args)
    act(house, comment, "For the record.")


def test_it_says_that_there_is_no_such_ticket(house):
    with house.store.write() as session, pytest.raises(TicketError, match="no ticket 99"):
        acknowledge(session, 99, actor="kim", now=house.at(38))


def test_it_sends_a_resolve_where_it_had_told_of_the_opening(house):
    act(house, dismiss, "known_cause")
    assert [(message.kind, message.channel) for message in house.messages()] == [
        ("opened", "owners"), ("resolved", "owners"),
    ]  # fmt: skip


def test_only_a_retraining_is_retrained_and_verified(house):
    ticket = house.tickets()[0]
    assert not may_become(ticket, TicketState.RETRAINING)
    ticket.kind = "retrain"
    assert may_become(ticket, TicketState.RETRAINING)
    ticket.state = "retraining"
    assert may_become(ticket, TicketState.VERIFYING)
