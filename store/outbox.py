"""Messages on their way: claim → send → finish. A crash repeats a message at most, and never loses it.

How often a message was claimed is its fencing number: who claimed it before can no longer send or end it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from core.messages import Severity
from store.database import Store
from store.new_rows import did_change, insert_new
from store.tables import OutboxRow

PATIENCE = timedelta(minutes=5)
"""A claim that is older belongs to a sender that died or stands still; somebody else may take it."""
_T = OutboxRow


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How sending a message ended, as of `at`: sent, to be tried again at `retry_at`, or failed for good."""

    at: datetime
    subject: str = ""
    error: str = ""
    retry_at: datetime | None = None

    @property
    def state(self) -> str:
        """Return the state of a message that ended so."""
        if not self.error:
            return "sent"
        return "failed" if self.retry_at is None else "queued"

    def facts(self) -> Mapping[str, Any]:
        """Return what is to be kept of it."""
        ended = {"state": self.state, "error": self.error, "claimed_by": "", "claimed_at": None}
        if self.error:
            return ended | {"not_before": self.retry_at or self.at}
        return ended | {"sent_at": self.at, "subject": self.subject}


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


def bundle(store: Store, channel: str, kinds: Sequence[str], now: datetime, most: int) -> bool:
    """Put messages of a channel that are due into one, where they are more than `most`; True where it was.

    What stands in a bundle is told by it alone.
    """
    with store.write() as session:
        query = select(_T).where(
            _T.state == "queued",
            _T.attempts == 0,
            _T.channel == channel,
            _T.kind.in_(kinds),
            _T.not_before <= now,
        )
        rows = list(session.scalars(query.order_by(_T.id).with_for_update(skip_locked=True)))
        if len(rows) <= most:
            return False
        worst = min((Severity(row.severity) for row in rows), key=list(Severity).index)
        for row in rows:
            row.state = "bundled"
        session.flush()
        return enqueue(
            session, key=f"bundle:{rows[0].id}-{rows[-1].id}|bundle|{channel}", kind="bundle",
            channel=channel, model="", severity=worst, payload={"messages": [row.id for row in rows]},
            now=now,
        )  # fmt: skip


def hold(
    store: Store, severities: Sequence[str], besides: Sequence[str], now: datetime, until: datetime
) -> None:
    """Let messages of some severities that are due wait until later, but for some kinds."""
    with store.write() as session:
        due = (_T.state == "queued", _T.not_before <= now, _T.attempts == 0)
        held = update(_T).where(*due, _T.severity.in_(severities), _T.kind.not_in(besides))
        session.execute(held.values(not_before=until))


def limit(
    store: Store, channel: str, most: int, span: timedelta, besides: Sequence[str], now: datetime
) -> None:
    """Let what is due on a channel wait, beyond `most` messages sent in `span`.

    The worst go first; messages of the severities `besides` are never held.
    """
    with store.write() as session:
        sent = list(
            session.scalars(
                select(_T.sent_at).where(_T.channel == channel, _T.sent_at > now - span).order_by(_T.sent_at)
            )
        )
        query = select(_T).where(_T.state == "queued", _T.not_before <= now, _T.channel == channel)
        rows = list(session.scalars(query.order_by(_T.id).with_for_update(skip_locked=True)))
        rows.sort(key=lambda row: list(Severity).index(Severity(row.severity)))
        held = [row for row in rows[max(0, most - len(sent)) :] if row.severity not in besides]
        for row in held:
            row.not_before = (sent[0] if sent and sent[0] is not None else now) + span


def last_digest(session: Session, before: datetime) -> datetime | None:
    """Return when the newest digest before a time was queued; None without any."""
    query = select(_T.created_at).where(_T.kind == "digest", _T.created_at < before)
    return session.scalar(query.order_by(_T.created_at.desc()).limit(1))


def channels_waiting(store: Store, now: datetime) -> list[str]:
    """Return the channels for which messages are due."""
    with store.read() as session:
        query = select(_T.channel).where(_T.state == "queued", _T.not_before <= now).distinct()
        return sorted(session.scalars(query))


def again(session: Session, message_id: int, now: datetime) -> bool:
    """Queue a message that had failed for good once more; False where it has not."""
    due = {"state": "queued", "attempts": 0, "not_before": now, "error": ""}
    return did_change(session, update(_T).where(_T.id == message_id, _T.state == "failed").values(due))


def claim(
    store: Store, worker: str, now: datetime, limit: int, *, clock: datetime, patience: timedelta = PATIENCE
) -> list[OutboxRow]:
    """Take messages that are due at `now`, in order; nobody else gets them while this sender lives.

    `clock` is the time by the clock, which claims lapse by, after `patience`.
    """
    with store.write() as session:
        free = or_(
            _T.state == "queued",
            (_T.state == "claimed") & (_T.claimed_at < clock - patience),
        )
        query = select(_T).where(free, _T.not_before <= now).order_by(_T.id).limit(limit)
        rows = list(session.scalars(query.with_for_update(skip_locked=True)))
        taken = {"state": "claimed", "claimed_by": worker, "claimed_at": clock, "attempts": _T.attempts + 1}
        session.execute(update(_T).where(_T.id.in_([row.id for row in rows])).values(taken))
    return rows


def release(store: Store, is_dead: Callable[[str], bool]) -> int:
    """Free the claims of workers that are known to be dead; return how many."""
    with store.write() as session:
        query = select(_T).where(_T.state == "claimed").with_for_update(skip_locked=True)
        rows = [row for row in session.scalars(query) if is_dead(row.claimed_by)]
        for row in rows:
            row.state, row.claimed_by, row.claimed_at = "queued", "", None
    return len(rows)


def send(store: Store, row: OutboxRow, clock: datetime, act: Callable[[], Ended]) -> Ended | None:
    """Send a claimed message by `act` and keep how it ended; None, and `act` is not called, if it was lost.

    PostgreSQL keeps the message locked meanwhile, whatever the claim's age: a sender that stands still in
    the middle is not overtaken, one that dies is. On SQLite, whose one writer must not wait for a mail
    server, the claim begins anew, and lasts longer than sending may take.
    """
    if store.is_sqlite:
        with store.write() as session:
            if not _set(session, row, claimed_at=clock):
                return None
        ended = act()
        with store.write() as session:
            _set(session, row, **ended.facts())
        return ended
    with store.write(still=timedelta()) as session:
        if session.scalars(select(_T.id).where(*_own(row)).with_for_update(skip_locked=True)).first() is None:
            return None
        ended = act()
        _set(session, row, **ended.facts())
    return ended


def _own(row: OutboxRow) -> tuple[ColumnElement[bool], ...]:
    """Return what holds while a claim does."""
    return (
        _T.id == row.id,
        _T.state == "claimed",
        _T.claimed_by == row.claimed_by,
        _T.attempts == row.attempts,
    )


def _set(session: Session, row: OutboxRow, **facts: Any) -> bool:
    return did_change(session, update(_T).where(*_own(row)).values(**facts))
