"""Versions as their registry knows them: the data that they were trained on, and their metrics then."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.config import Model
from store.references import references
from store.tables import RegisteredRow

SERVED = timedelta(days=28)
"""Versions that answered no longer ago are looked after: their metrics, aliases and data may change."""


def registered(session: Session, model: str) -> dict[str, RegisteredRow]:
    """Return what is known of a model's versions, by version, the first registered first."""
    query = select(RegisteredRow).where(RegisteredRow.model == model)
    rows = session.scalars(query.order_by(RegisteredRow.registered_at, RegisteredRow.version))
    return {row.version: row for row in rows}


def save_registered(session: Session, row: RegisteredRow) -> None:
    """Write what is known of a version in place of what was there."""
    session.merge(row)
    session.flush()


def forget_registered(session: Session, model: str, version: str) -> None:
    """Take back what is known of a version."""
    mine = delete(RegisteredRow).where(RegisteredRow.model == model, RegisteredRow.version == version)
    session.execute(mine)


def own_versions(session: Session, model: Model) -> list[str]:
    """Return the versions that bring a reference: named by the file, or counted from what trained them."""
    said = () if model.reference is None else model.reference.versions
    trained = trained_on(session, model)
    counted = {row.version: row.description for row in references(session, model.name)} if trained else {}
    return [*said, *(version for version, path in trained.items() if counted.get(version) == path)]


def trained_on(session: Session, model: Model) -> dict[str, str]:
    """Return, by version, what it was trained on, where that is known and the model's file says nothing else.

    Nothing without a registry: what one said before no longer counts.
    """
    if model.registry is None:
        return {}
    said = {} if model.reference is None else model.reference.versions
    return {
        version: row.training
        for version, row in registered(session, model.name).items()
        if row.training and version not in said
    }
