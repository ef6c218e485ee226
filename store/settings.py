"""Small facts of the store itself."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.new_rows import put_row
from store.tables import SettingRow


def get(session: Session, name: str) -> str | None:
    """Return a fact; None where it was never set."""
    return session.scalar(select(SettingRow.value).where(SettingRow.name == name))


def put(session: Session, name: str, value: str) -> None:
    """Set a fact."""
    if get(session, name) != value:
        put_row(session, SettingRow, ("name",), {"name": name, "value": value})
