"""The states of rules, alerts, incidents and tickets (their meaning: SPEC.md, States)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.messages import Severity


class AlertState(StrEnum):
    """State of one rule on one version × segment × column."""

    OK = "ok"
    FIRING = "firing"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


class TicketKind(StrEnum):
    """What a ticket asks for."""

    RETRAIN = "retrain"
    FIX_DATA = "fix_data"
    FIX_SERVICE = "fix_service"
    INVESTIGATE = "investigate"


class TicketState(StrEnum):
    """Where the work stands; only `retrain` passes through retraining and verifying."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RETRAINING = "retraining"
    VERIFYING = "verifying"
    UNCONFIRMED = "unconfirmed"
    CLOSED = "closed"


WORKING = frozenset({TicketState.RETRAINING, TicketState.VERIFYING, TicketState.UNCONFIRMED})
"""States in which a new version is made or looked at: recovery alone does not close such a ticket."""


WAITING = frozenset({TicketState.OPEN, TicketState.ACKNOWLEDGED})
"""States in which a person, or a retraining, has to begin."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that has to be so before a retraining can help; `text` says how it stands."""

    name: str
    ok: bool
    text: str


class Resolution(StrEnum):
    """Why a ticket was closed."""

    VERIFIED = "verified"
    RECOVERED = "recovered"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class Dismissal(StrEnum):
    """Why a ticket was dismissed; only a false alarm counts against the budget."""

    FALSE_ALARM = "false_alarm"
    KNOWN_CAUSE = "known_cause"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, kw_only=True, order=True)
class AlertKey:
    """Which rule on what."""

    model: str
    rule: str
    version: str = ""
    segment: str = ""
    column: str = ""


@dataclass(frozen=True, kw_only=True)
class RuleState:
    """A rule's answer for one key as of `now`: the newest judged window and why."""

    key: AlertKey
    state: AlertState
    severity: Severity
    since: datetime | None
    as_of: datetime
    reason: str = ""
