"""Retrainings: asked for, claimed before they start, found again by their key."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.new_rows import did_change, insert_new
from store.tables import RetrainingRow

OPEN = ("asked", "claimed", "running", "unconfirmed")
_T = RetrainingRow


def retrainings(
    session: Session, *, model: str | None = None, ticket_id: int | None = None, open_only: bool = False
) -> list[RetrainingRow]:
    """Return retrainings, the first asked for first."""
    query = select(_T).order_by(_T.id)
    if model is not None:
        query = query.where(_T.model == model)
    if ticket_id is not None:
        query = query.where(_T.ticket_id == ticket_id)
    if open_only:
        query = query.where(_T.state.in_(OPEN))
    return list(session.scalars(query))


def ask(
    session: Session, *, key: str, ticket_id: int, model: str, kind: str, actor: str, now: datetime
) -> RetrainingRow | None:
    """Ask for a retraining under a key; None where one of this key was asked for before."""
    values: dict[str, Any] = {
        "key": key, "ticket_id": ticket_id, "model": model, "kind": kind, "state": "asked", "actor": actor,
        "asked_at": now, "claimed_at": None, "ended_at": None, "handle": "", "version": "", "log": "",
        "error": "",
    }  # fmt: skip
    if not insert_new(session, _T, ("key",), values):
        return None
    return session.scalars(select(_T).where(_T.key == key)).one()


def claim(session: Session, row: RetrainingRow, now: datetime) -> bool:
    """Take a retraining that waits, before it starts; False where somebody else has."""
    mine = update(_T).where(_T.id == row.id, _T.state == "asked").values(state="claimed", claimed_at=now)
    return did_change(session, mine.execution_options(synchronize_session="fetch"))


def change(session: Session, row: RetrainingRow, state: str, **facts: Any) -> None:
    """Say how a retraining stands."""
    row.state = state
    for name, value in facts.items():
        setattr(row, name, value)
    session.flush()
