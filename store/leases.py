"""Who may do a piece of work until when; a fencing number grows with every new holder."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.changes import unseen
from store.database import Store
from store.tables import LeaseRow


def acquire(store: Store, name: str, holder: str, now: datetime, length: timedelta) -> int | None:
    """Take a lease that is free or has lapsed; return its fencing number, None while somebody holds it."""
    try:
        with store.write() as session, unseen(session):
            row = session.scalars(select(LeaseRow).where(LeaseRow.name == name).with_for_update()).first()
            if row is None:
                row = LeaseRow(name=name, holder=holder, fence=1, until=now + length, heartbeat=now)
                session.add(row)
            elif row.holder and row.until > now:
                return None
            else:
                row.holder, row.fence = holder, row.fence + 1
                row.until, row.heartbeat = now + length, now
            session.flush()
            return row.fence
    except IntegrityError:  # somebody made the row at the same moment
        return None


def renew(store: Store, name: str, holder: str, fence: int, now: datetime, length: timedelta) -> bool:
    """Hold on to a lease; False where it was lost."""
    with store.write() as session, unseen(session):
        return _own(session, name, holder, fence, until=now + length, heartbeat=now)


def release(store: Store, name: str, holder: str, fence: int) -> bool:
    """Give a lease back; False where it was lost."""
    with store.write() as session, unseen(session):
        return _own(session, name, holder, fence, holder_="")


def held(store: Store, name: str) -> LeaseRow | None:
    """Return who holds a lease; None while nobody does."""
    with store.read() as session:
        row = session.get(LeaseRow, name)
        return row if row is not None and row.holder else None


def _own(
    session: Session, name: str, holder: str, fence: int, *, holder_: str | None = None, **facts: datetime
) -> bool:
    values: dict[str, object] = dict(facts)
    if holder_ is not None:
        values["holder"] = holder_
    done = session.execute(
        update(LeaseRow)
        .where(LeaseRow.name == name, LeaseRow.holder == holder, LeaseRow.fence == fence)
        .values(**values)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]
