"""Drop the windows of a model whose time zone or grain has changed, so that the next pass cuts them anew."""

from datetime import datetime

from core.config import Model
from core.text import gettext as _
from store import models, retention
from store.database import Store
from store.marks import add_mark, with_reason

MOST = 200
"""Windows dropped in one transaction."""


def recut(*, model: Model, store: Store, now: datetime, actor: str, reason: str) -> int:
    """Drop every window with its counts and values; for whoever has the model's turn. Return how many.

    Ended in the middle, a pass is still refused, and the next call goes on. References are counted again by
    the next pass; alerts, tickets and marks stay.
    """
    done = 0
    while True:
        with store.write() as session:
            dropped = retention.drop_some(session, model.name, MOST)
            done += dropped
            if dropped == MOST:
                continue
            row = models.model(session, model.name)
            if row is not None:
                row.timezone, row.grain = str(model.zone), model.grain.value
            text = _("Windows cut anew: {grain}, {zone}").format(grain=model.grain.value, zone=model.zone)
            add_mark(
                session, model=model.name, kind="configuration", start=now, actor=actor,
                text=with_reason(text, reason), now=now,
            )  # fmt: skip
            return done
