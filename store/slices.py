"""The parts of sources as last seen."""

from collections.abc import Iterable

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.tables import SliceRow


def slices(session: Session, model: str, source: str) -> dict[str, SliceRow]:
    """Return the parts of one of a model's sources by name."""
    query = select(SliceRow).where(SliceRow.model == model, SliceRow.source == source)
    return {row.name: row for row in session.scalars(query)}


def unreadable(session: Session, model: str) -> list[SliceRow]:
    """Return the parts of all of a model's sources that could not be read, by name."""
    query = select(SliceRow).where(SliceRow.model == model, SliceRow.error != "")
    return list(session.scalars(query.order_by(SliceRow.source, SliceRow.name)))


def save_slices(session: Session, model: str, source: str, rows: Iterable[SliceRow]) -> None:
    """Put the parts of a source in place of those that were there; only what differs is written."""
    known = slices(session, model, source)
    names = [column.name for column in SliceRow.__table__.columns if column.name != "seen_at"]

    def facts(row: SliceRow) -> tuple[object, ...]:
        return tuple(getattr(row, name) for name in names)

    wanted = {row.name: row for row in rows}
    changed = [row for name, row in wanted.items() if name not in known or facts(row) != facts(known[name])]
    gone = [name for name in known if name not in wanted] + [row.name for row in changed if row.name in known]
    for at in range(0, len(gone), 400):
        session.execute(
            delete(SliceRow).where(
                SliceRow.model == model, SliceRow.source == source, SliceRow.name.in_(gone[at : at + 400])
            ),
            execution_options={"synchronize_session": False},
        )
    if changed:
        session.expunge_all()
        session.execute(
            insert(SliceRow), [{name: getattr(row, name) for name in [*names, "seen_at"]} for row in changed]
        )
