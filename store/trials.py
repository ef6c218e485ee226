"""What was last counted of an experiment's arms."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.trial import Arm, Trial
from store import settings


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The time before an experiment and the time since (None: no rows), as of when, and what was asked."""

    as_of: datetime
    asked: str
    before: Trial | None
    since: Trial | None


def counted_trial(session: Session, model: str) -> Counted | None:
    """Return what was last counted; None where nothing was."""
    kept = settings.get(session, f"experiment:{model}")
    if not kept:
        return None
    body = json.loads(kept)
    return Counted(
        as_of=datetime.fromisoformat(body["as_of"]), asked=body["asked"],
        before=_read(body["trials"][0]), since=_read(body["trials"][1]),
    )  # fmt: skip


def keep_trial(session: Session, model: str, found: Counted) -> None:
    """Keep it in place of what was there."""
    trials: Sequence[Trial | None] = (found.before, found.since)
    body = {
        "as_of": found.as_of.isoformat(), "asked": found.asked,
        "trials": [None if one is None else asdict(one) for one in trials],
    }  # fmt: skip
    settings.put(session, f"experiment:{model}", json.dumps(body, default=lambda one: one.isoformat()))


def _read(body: dict[str, Any] | None) -> Trial | None:
    if body is None:
        return None
    kpis = {kpi: {arm: Arm(**sums) for arm, sums in arms.items()} for kpi, arms in body["kpis"].items()}
    span = {name: datetime.fromisoformat(body[name]) for name in ("first", "last")}
    return Trial(**span, units=body["units"], both=body["both"], kpis=kpis)
