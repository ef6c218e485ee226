"""Send what is due: the last part of a pass."""

from datetime import datetime

from core.config import Project
from core.messages import Message
from goalkeeper import clock
from goalkeeper.jobs.turn import holder_name, is_dead
from notify.sender import deliver
from reports.digest import queue_digests, render_digest
from reports.messages import render
from store import outbox
from store.database import Store
from store.tables import OutboxRow


def deliver_due(*, project: Project, store: Store, now: datetime) -> int:
    """Queue the digests that are due and send every message that is; return how many left the house."""
    outbox.release(store, is_dead)
    with store.write() as session:
        queue_digests(session, project, now)

    def rendered(row: OutboxRow) -> Message:
        if row.kind == "digest":
            return render_digest(store, row, project)
        return render(store, row, project)

    return deliver(
        project=project, store=store, render=rendered, now=now, worker=holder_name(), clock=clock.now,
        patience=outbox.PATIENCE if store.is_sqlite else project.schedule.lease,
    ).sent  # fmt: skip
