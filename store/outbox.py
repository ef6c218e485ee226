"""Messages on their way: claim → send → finish. A crash repeats a message at most, and never loses it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from store.database import Store
from store.new_rows import insert_new
from store.tables import OutboxRow

PATIENCE = timedelta(minutes=5)
"""A claim that is older belongs to a sender that died; somebody else may take it."""
_T = OutboxRow


def enqueue(
    session: Session, *, key: str, kind: str, channel: str, model: str, severity: str,
    payload: Mapping[str, Any], now: datetime,
) -> bool:  # fmt: skip
    """Queue a message; False where one of this key was queued before."""
    values = {
        "key": key, "kind": kind, "channel": channel, "model": model, "severity": str(severity),
        "payload": dict(payload), "state": "queued", "attempts": 0, "not_before": now, "claimed_by": "",
        "claimed_at": None, "sent_at": None, "error": "", "subject": "", "created_at": now,
    }  # fmt: skip
    return insert_new(session, OutboxRow, ("key",), values)


def messages(session: Session, model: str | None = None, limit: int | None = None) -> list[OutboxRow]:
    """Return messages in the order of their queueing; of many the newest `limit`."""
    query = select(_T).order_by(_T.id.desc()).limit(limit)
    if model is not None:
        query = query.where(_T.model == model)
    return list(session.scalars(query))[::-1]


def message(session: Session, message_id: int) -> OutboxRow | None:
    """Return one message; None where there is none of this number."""
    return session.get(OutboxRow, message_id)


def claim(store: Store, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
    """Take messages that are due, in order; nobody else gets them while this sender lives."""
    with store.write() as session:
        free = or_(
            _T.state == "queued",
            (_T.state == "claimed") & (_T.claimed_at < now - PATIENCE),
        )
        query = select(_T).where(free, _T.not_before <= now).order_by(_T.id).limit(limit)
        rows = list(session.scalars(query.with_for_update(skip_locked=True)))
        for row in rows:
            row.state, row.claimed_by, row.claimed_at = "claimed", worker, now
            row.attempts += 1
    return rows


def release(store: Store, is_dead: Callable[[str], bool]) -> int:
    """Free the claims of workers that are known to be dead; return how many."""
    with store.write() as session:
        rows = [
            row for row in session.scalars(select(_T).where(_T.state == "claimed")) if is_dead(row.claimed_by)
        ]
        for row in rows:
            row.state, row.claimed_by, row.claimed_at = "queued", "", None
    return len(rows)


def finish(store: Store, message_id: int, now: datetime, *, subject: str, worker: str) -> bool:
    """Note that a message left the house; False where the claim was lost meanwhile."""
    return _end(
        store, message_id, worker, state="sent", sent_at=now, subject=subject, error="", claimed_at=None
    )


def fail(
    store: Store, message_id: int, error: str, now: datetime, *, retry_at: datetime | None, worker: str
) -> bool:
    """Note that a message did not leave the house: to be tried again at `retry_at`, or never (None)."""
    state = "failed" if retry_at is None else "queued"
    return _end(
        store, message_id, worker, state=state, error=error, not_before=retry_at or now, claimed_at=None
    )


def _end(store: Store, message_id: int, worker: str, **facts: Any) -> bool:
    with store.write() as session:
        done = session.execute(
            update(_T)
            .where(_T.id == message_id, _T.state == "claimed", _T.claimed_by == worker)
            .values(claimed_by="", **facts)
        )
        return bool(done.rowcount)  # type: ignore[attr-defined]
