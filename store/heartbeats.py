"""Signs of life: every pass and every worker leave one, by the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store import settings
from store.changes import unseen

PASS, WORKER = "heartbeat:pass", "heartbeat:worker"
CONFIG_ERROR = "config_error"
"""The setting that says why the newest goalkeeper.yaml is not in force; empty where it is."""
PATIENCE, LEAST = 3, timedelta(minutes=10)
WORKER_PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether passes run: `last` is when the newest ended (None: never), `limit` how old it may be."""

    alive: bool
    last: datetime | None
    limit: timedelta


def beat(session: Session, name: str, at: datetime) -> None:
    """Leave a sign of life."""
    with unseen(session):
        settings.put(session, name, at.isoformat())


def last_beat(session: Session, name: str) -> datetime | None:
    """Return the newest sign of life; None where there never was one."""
    kept = settings.get(session, name)
    return datetime.fromisoformat(kept) if kept else None


def health(session: Session, at: datetime, every: timedelta) -> Health:
    """Tell whether passes, which should run `every` so often, still do: three of them may be missed."""
    last, limit = last_beat(session, PASS), max(PATIENCE * every, LEAST)
    return Health(alive=last is not None and at - last <= limit, last=last, limit=limit)


def has_worker(session: Session, at: datetime) -> bool:
    """Tell whether somebody takes up what pages ask for."""
    last = last_beat(session, WORKER)
    return last is not None and at - last <= WORKER_PATIENCE
