"""Who may do a piece of work until when; a fencing number grows with every new holder.

Times only say when a lease may be taken over. What keeps a holder that was overtaken from writing is the
number: `fenced` looks at it inside each transaction, and holds it there until the transaction has ended.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from core.errors import GoalkeeperError
from core.text import gettext as _
from store.changes import unseen
from store.database import Store
from store.new_rows import did_change, insert_new
from store.tables import LeaseRow

_SHOW = text("SELECT pg_advisory_xact_lock_shared(26475, hashtext(:name))")
"""Shows to other sessions of PostgreSQL who writes under a lease; locks of rows do not."""
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND classid = 26475 AND datname = current_database()"
    " AND usename = current_user AND objid = (hashtext(:name)::bigint & 4294967295)::oid"
)


class LostLeaseError(GoalkeeperError):
    """Somebody else has taken the lease over meanwhile; nothing was written."""


def acquire(store: Store, name: str, holder: str, now: datetime, length: timedelta) -> int | None:
    """Take a lease that is free or has lapsed; return its fencing number, None while somebody holds it."""
    until = {"until": now + length, "heartbeat": now}
    with store.write(still=length) as session, unseen(session):
        query = select(LeaseRow).where(LeaseRow.name == name)
        row = session.scalars(query.with_for_update(skip_locked=True)).first()
        if row is None:  # or its holder is writing at this moment
            new = {"name": name, "holder": holder, "fence": 1, **until}
            if insert_new(session, LeaseRow, ("name",), new):
                return 1
            _end_what_stands_still(session, name, now)
            return None
        if row.holder and row.until > now:
            return None
        row.holder, row.fence = holder, row.fence + 1
        row.until, row.heartbeat = until["until"], now
        return row.fence


def fenced(store: Store, name: str, holder: str, fence: int) -> Store:
    """Return the store for the holder of a lease: each write first looks whether it still holds it.

    Nobody can take the lease over before that write has ended.

    Raises:
        LostLeaseError: from any write, once somebody else has the lease or it was given back.
    """

    def guard(session: Session) -> None:
        if not store.is_sqlite:
            session.execute(_SHOW, {"name": name})
        query = select(LeaseRow.holder, LeaseRow.fence).where(LeaseRow.name == name)
        # its own renewals, which change no key, need not wait
        found = session.execute(query.with_for_update(read=True, key_share=True)).first()
        if found is None or tuple(found) != (holder, fence):
            raise lost(name, found.holder if found is not None else "")

    return store.guarded(guard)


def _end_what_stands_still(session: Session, name: str, now: datetime) -> None:
    """End the sessions of a holder that stands still in the middle of a write: it has not renewed its lease.

    PostgreSQL's own limit for idle transactions does not do: statements in a pipeline go round it.
    """
    until = session.scalar(select(LeaseRow.until).where(LeaseRow.name == name))
    if until is not None and until <= now and session.get_bind().dialect.name == "postgresql":
        session.execute(_END, {"name": name})


def lost(name: str, holder: str) -> LostLeaseError:
    """Say who goes on with the work."""
    return LostLeaseError(
        _("{name} was taken over by {holder}.").format(name=name, holder=holder or _("another process")),
        hint=_("This process had stood still for too long; what it had not written yet is done there."),
    )


def renew(store: Store, name: str, holder: str, fence: int, now: datetime, length: timedelta) -> bool:
    """Hold on to a lease; False where it was lost."""
    with store.write(still=length) as session, unseen(session):
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
    own = (LeaseRow.name == name, LeaseRow.holder == holder, LeaseRow.fence == fence)
    return did_change(session, update(LeaseRow).where(*own).values(**values))
