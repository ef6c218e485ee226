"""Immutable sets of grids, by their ids."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import StoreError
from core.grid import GridSet
from core.text import gettext as _
from store import settings
from store.new_rows import insert_new
from store.tables import GridRow


@dataclass(frozen=True, kw_only=True)
class Regrid:
    """Somebody asked for a new grid set: who, and why."""

    actor: str
    reason: str = ""


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


def asked_regrid(session: Session, model: str) -> Regrid | None:
    """Return who asked for a new grid set that is not made yet; None where nobody did."""
    kept = settings.get(session, f"regrid:{model}")
    return Regrid(**json.loads(kept)) if kept else None


def ask_regrid(session: Session, model: str, asked: Regrid | None) -> None:
    """Ask that the next pass makes a new grid set; None takes it back."""
    settings.put(session, f"regrid:{model}", "" if asked is None else json.dumps(asdict(asked)))
