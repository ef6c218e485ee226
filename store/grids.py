"""Immutable sets of grids, by their ids."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import StoreError
from core.grid import GridSet
from core.text import gettext as _
from store.new_rows import insert_new
from store.tables import GridRow


def grid_set(session: Session, id: str) -> GridSet:
    """Return a set of grids.

    Raises:
        StoreError: the store holds none of this id.
    """
    row = session.get(GridRow, id)
    if row is None:
        raise StoreError(
            _("The store holds no grid set {id}.").format(id=id),
            hint=_("Restore the store from a backup, or collect again into an empty one."),
        )
    return GridSet.from_json(row.body)


def save_grid_set(session: Session, model: str, grids: GridSet, now: datetime) -> None:
    """Keep a set of grids; one that is there stays as it is."""
    values = {"id": grids.id, "model": model, "body": grids.to_json(), "created_at": now}
    insert_new(session, GridRow, ("id",), values)
