"""What every kind of tracker keeps."""

from datetime import UTC, datetime

import pytest

from alerts.trackers.base import Mirrored
from core.plugins import PORTS, load, names
from core.rules import TicketState

TICKET = Mirrored(
    key="ticket:lead:outcome:20260420T0000", title="Conversion fell", text="It fell.", severity="major",
    state=TicketState.OPEN, link="http://localhost:8501/tickets?ticket=1",
)  # fmt: skip


@pytest.mark.parametrize("kind", names(PORTS["tracker"]))
def test_it_mirrors_a_ticket_again_and_again_as_one(kind):
    if kind != "builtin":
        pytest.skip(f"{kind} needs a server of its own; see its own tests")
    module = load(PORTS["tracker"], kind)
    assert module.__doc__
    tracker = module.Tracker(module.Options())
    assert tracker.mirror(TICKET) == tracker.mirror(TICKET)
    assert tracker.heard(datetime(2026, 4, 1, tzinfo=UTC)) == []
