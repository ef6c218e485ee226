"""What 'normal' is measured against: the newest reference of a model is in force."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.profile import Profile, ProfileKey
from store.profiles import add_cells, profiles
from store.tables import ModelRow, ReferenceRow

_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def current_reference(session: Session, model: str) -> ReferenceRow | None:
    """Return the reference in force; None while there is none."""
    query = select(ReferenceRow).where(ReferenceRow.model == model).order_by(ReferenceRow.id.desc())
    return session.scalars(query.limit(1)).first()


def references(session: Session, model: str) -> list[ReferenceRow]:
    """Return every reference that a model ever had, oldest first."""
    query = select(ReferenceRow).where(ReferenceRow.model == model).order_by(ReferenceRow.id)
    return list(session.scalars(query))


def reference_profiles(
    session: Session, row: ReferenceRow, *, segment: str | None = None
) -> list[tuple[ProfileKey, Profile]]:
    """Return the profiles of a reference: one window each, or all rows as one where it has no times.

    Args:
        segment: only this one, '' for all rows; None means any.
    """
    return profiles(session, row.model, grain_of(row), *_EVER, segment=segment)


def save_reference(
    session: Session, row: ReferenceRow, cells: Iterable[tuple[ProfileKey, Profile]]
) -> ReferenceRow:
    """Put a new reference in force."""
    session.add(row)
    session.flush()
    add_cells(session, row.model, grain_of(row), cells)
    model = session.get(ModelRow, row.model)
    if model is not None:
        model.reference_id, model.grid_set = row.id, row.grid_set
    return row


def grain_of(row: ReferenceRow) -> str:
    """Return the name under which a reference's profiles are kept."""
    return f"reference:{row.id}"
