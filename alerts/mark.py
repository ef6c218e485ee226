"""What an evaluation was made from: while that stays the same, another one would find and write the same."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from alerts.defaults import Watch
from alerts.rules.base import RECOVERY
from core.config import Model, Project, configuration_hash
from core.rules import AlertState
from core.windows import window_at
from store import references, retention, settings, silences
from store.normal import maturity_of
from store.tables import (
    AlertChangeRow,
    AlertRow,
    MetricRow,
    RunRow,
    TicketEventRow,
    TicketRow,
    WindowRow,
)

REBASE = ("accepted", "verified")
"""What is done to a ticket that changes what is normal."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What an evaluation reads. `by` stands for what is judged by, `data` for the values, `told` for the
    newest change of an alert and what was done to tickets last; `newest` is the newest value's id, `now` the
    moment as of which it was; `collected` is when windows were last collected, and how many of them then.
    """

    by: str
    data: str
    told: tuple[int | None, int | None, int | None]
    newest: int
    now: datetime
    collected: tuple[datetime | None, int]

    @property
    def rules(self) -> str:
        """Return what stands for all that changes how windows are judged."""
        return _digest([self.by, *self.told[:2]])

    @property
    def all(self) -> str:
        """Return what stands for all that changes what an evaluation finds."""
        return _digest([self.by, self.data, *self.told])


def mark_of(
    session: Session, project: Project, model: Model, watches: Sequence[Watch], now: datetime
) -> Mark:
    """Return the marks of an evaluation at `now`.

    Of `now` only matters which windows have ended, settled and matured by then.
    """
    maturity = maturity_of(session, model)
    reference = references.current_reference(session, model.name)
    ended = [
        window_at(now - later, grain, project.zone).start
        for grain in sorted({model.grain, model.service_grain})
        for later in (timedelta(), model.settle_of(grain), model.settle_of(grain) + maturity)
    ]
    newest = select(MetricRow.id).where(MetricRow.model == model.name).order_by(MetricRow.id.desc()).limit(1)
    last = session.scalar(newest) or 0
    held = select(func.count()).where(WindowRow.model == model.name)
    latest = session.scalar(select(func.max(WindowRow.collected_at)).where(WindowRow.model == model.name))
    collected = (latest, _many_at(session, model, latest))
    code = select(RunRow.code).where(RunRow.model == model.name).order_by(RunRow.id.desc()).limit(1)
    plugins = sorted(path for folder in project.plugin_dirs for path in folder.rglob("*.py"))
    by = [
        configuration_hash(model), model, watches, project.language, project.calendar, session.scalar(code),
        None if reference is None else (reference.id, reference.fingerprint),
        [row.id for row in silences.active(session, model.name, now)],
        [(path, path.stat().st_mtime_ns) for path in plugins], retention.rolled_until(session, model.name),
    ]  # fmt: skip
    return Mark(
        by=_digest(by),
        data=_digest([ended, last, session.scalar(held), collected]),
        told=_told(session, model),
        newest=last,
        now=now,
        collected=collected,
    )


def _told(session: Session, model: Model) -> tuple[int | None, int | None, int | None]:
    """Return the newest change of an alert, of what a ticket made normal, and of any ticket."""
    told = select(func.max(AlertChangeRow.id)).join(AlertRow, AlertRow.id == AlertChangeRow.alert_id)
    acted = select(func.max(TicketEventRow.id)).join(TicketRow, TicketRow.id == TicketEventRow.ticket_id)
    acted = acted.where(TicketRow.model == model.name)
    return (
        session.scalar(told.where(AlertRow.model == model.name)),
        session.scalar(acted.where(TicketEventRow.action.in_(REBASE))),
        session.scalar(acted),
    )


def firing_under(session: Session, model: str, mark: Mark) -> int | None:
    """Return how many alerts of harm fired at the last evaluation; None where that had another mark."""
    kept = _kept(session, model)
    return int(kept["firing"]) if kept.get("all") == mark.all else None


def keep(session: Session, model: Model, mark: Mark, firing: int) -> None:
    """Keep what an evaluation was made from, with what it wrote itself, and what it found."""
    session.flush()
    after = replace(mark, told=_told(session, model))
    latest, many = mark.collected
    kept = {
        "rules": after.rules, "all": after.all, "newest": mark.newest, "now": mark.now.isoformat(),
        "collected": [latest and latest.isoformat(), many], "firing": firing,
    }  # fmt: skip
    settings.put(session, f"judged:{model.name}", json.dumps(kept))


def unjudged_from(session: Session, model: Model, watches: Sequence[Watch], mark: Mark) -> datetime | None:
    """Return from when on windows may be judged otherwise than at the last evaluation; None: all of them.

    That is the earliest of the windows that are new or restated since, less those that a rule counts in a
    row, and the begin of every alert that reaches into them.
    """
    kept = _kept(session, model.name)
    if kept.get("rules") != mark.rules:
        return None
    before = datetime.fromisoformat(kept["now"])
    changed = select(func.min(MetricRow.window_start)).where(
        MetricRow.model == model.name, MetricRow.id > kept["newest"]
    )
    seen = select(func.min(WindowRow.start)).where(WindowRow.model == model.name)
    latest, many = kept["collected"]
    if latest is not None:
        then = datetime.fromisoformat(latest)
        more = _many_at(session, model, then) > many  # since then, as of the same moment
        seen = seen.where(WindowRow.collected_at >= then if more else WindowRow.collected_at > then)
    grains = {model.grain, model.service_grain}
    row = max(watch.options.row for watch in watches) + max(RECOVERY[grain] for grain in grains)
    first = min(
        filter(None, [before - max(model.settle_of(grain) for grain in grains), session.scalar(changed),
                      session.scalar(seen)])
    ) - row * model.grain.length  # fmt: skip
    reaching = select(func.min(AlertRow.since)).where(
        AlertRow.model == model.name, AlertRow.state != AlertState.WITHDRAWN
    )
    while True:
        earlier = session.scalar(reaching.where(or_(AlertRow.until.is_(None), AlertRow.until >= first)))
        if earlier is None or earlier >= first:
            return first
        first = earlier


def _many_at(session: Session, model: Model, moment: datetime | None) -> int:
    """Return how many of a model's windows were last collected at a moment."""
    query = select(func.count()).where(WindowRow.model == model.name, WindowRow.collected_at == moment)
    return session.scalar(query) or 0


def _kept(session: Session, model: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(settings.get(session, f"judged:{model}") or "{}")
    return kept


def _digest(facts: Sequence[object]) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
