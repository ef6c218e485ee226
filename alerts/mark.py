"""What an evaluation was made from: while that stays the same, another one would find and write the same."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.defaults import Watch
from core.config import Model, Project, configuration_hash
from core.windows import window_at
from store import references, settings, silences
from store.normal import maturity_of
from store.tables import AlertChangeRow, AlertRow, MetricRow, TicketEventRow, TicketRow, WindowRow


def mark_of(session: Session, project: Project, model: Model, watches: Sequence[Watch], now: datetime) -> str:
    """Return 16 hexadecimal digits that change with anything that an evaluation reads.

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
    held = select(func.count(), func.max(WindowRow.collected_at)).where(WindowRow.model == model.name)
    told = select(func.max(AlertChangeRow.id)).join(AlertRow, AlertRow.id == AlertChangeRow.alert_id)
    acted = select(func.max(TicketEventRow.id)).join(TicketRow, TicketRow.id == TicketEventRow.ticket_id)
    plugins = sorted(path for folder in project.plugin_dirs for path in folder.rglob("*.py"))
    facts = [
        configuration_hash(model), model, watches, project.language, project.calendar, ended,
        None if reference is None else (reference.id, reference.fingerprint),
        [row.id for row in silences.active(session, model.name, now)],
        session.scalar(newest), tuple(session.execute(held).one()),
        session.scalar(told.where(AlertRow.model == model.name)),
        session.scalar(acted.where(TicketRow.model == model.name)),
        [(path, path.stat().st_mtime_ns) for path in plugins],
    ]  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def firing_under(session: Session, model: str, mark: str) -> int | None:
    """Return how many alerts of harm fired at the last evaluation; None where that had another mark."""
    kept, _space, firing = (settings.get(session, f"evaluated:{model}") or "").partition(" ")
    return int(firing) if kept == mark else None


def keep(session: Session, model: str, mark: str, firing: int) -> None:
    """Keep what an evaluation was made from and what it found."""
    settings.put(session, f"evaluated:{model}", f"{mark} {firing}")
