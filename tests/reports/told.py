"""Facts and rows that the tests of messages render."""

from datetime import UTC, datetime
from typing import Any

from core.evidence import (
    CarrierFact,
    Drifted,
    Evidence,
    Finding,
    GoalFact,
    LevelFact,
    Release,
    SegmentFact,
    SplitFact,
)
from core.messages import Severity
from store.tables import OutboxRow

NOON = datetime(2026, 4, 29, 12, tzinfo=UTC)


def when(day: int, month: int = 4) -> datetime:
    """A day of 2026."""
    return datetime(2026, month, day, tzinfo=UTC)


def finding(**more: Any) -> Finding:
    """A KPI that fell."""
    told: dict[str, Any] = {
        "rule": "business.conversion", "metric": "business.conversion", "title": "Call conversion",
        "severity": Severity.CRITICAL, "unit": "percent", "harm": "down", "since": when(20),
        "window_start": when(21), "window_end": when(22), "value": 0.088, "expected": 0.12, "low": 0.1,
        "high": 0.14, "effect": -0.032, "lower": 0.076, "upper": 0.1, "n": 2000, "reason": "it fell",
    }  # fmt: skip
    return Finding(**(told | more))


def evidence(*findings: Finding, **more: Any) -> Evidence:
    """What a ticket keeps."""
    told: dict[str, Any] = {
        "findings": findings or (finding(),),
        "drifted": (Drifted(column="age", value=0.21, normal=0.02),),
        "segments": (SegmentFact(segment="region=north", value=0.05, before=0.12, n=800),),
        "goal": GoalFact(
            kpi="conversion", title="Call conversion", state="at risk", value=0.118, lower=0.112, upper=0.124,
            target=0.15, by=datetime(2026, 12, 31).date(),
        ),
        "release": Release(version="v7", at=when(18)),
        "reference": "January to March",
        "as_of": when(29),
    }  # fmt: skip
    return Evidence(**(told | more))


def split(mix: float = -0.07, rate: float = 0.002, **more: Any) -> SplitFact:
    """What moved the KPI, by campaign: the shares of the campaigns, or how each of them went."""
    told: dict[str, Any] = {
        "title": "Call conversion", "unit": "percent", "column": "campaign", "before": 0.143,
        "value": 0.143 + mix + rate, "mix": mix, "rate": rate,
        "levels": (
            LevelFact(level="spring", share_before=0.01, share=0.58, before=0.01, value=0.03, effect=-0.047),
            LevelFact(level="", share_before=0.01, share=0.0, before=0.09, value=None, effect=-0.001),
        ),
    }  # fmt: skip
    return SplitFact(**(told | more))


def carrier(**more: Any) -> CarrierFact:
    """The segment that carries most of that."""
    told: dict[str, Any] = {
        "segment": "campaign=spring", "share": 0.582, "part": 0.966, "share_before": 0.012, "before": 0.013,
        "value": 0.027, "would": 0.14,
    }  # fmt: skip
    return CarrierFact(**(told | more))


def outbox_row(kind: str = "opened", **more: Any) -> OutboxRow:
    """A row as the outbox holds it."""
    told: dict[str, Any] = {
        "id": 1, "key": f"ticket:lead:outcome:20260420T0000|{kind}|owners", "kind": kind, "channel": "owners",
        "model": "lead", "severity": "critical", "payload": {"ticket": 1}, "state": "claimed", "attempts": 1,
        "not_before": NOON, "claimed_by": "w", "claimed_at": NOON, "sent_at": None, "error": "",
        "subject": "",
        "created_at": NOON,
    }  # fmt: skip
    return OutboxRow(**(told | more))
