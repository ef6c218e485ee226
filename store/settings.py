"""Small facts of the store itself."""

from sqlalchemy.orm import Session

from store.tables import SettingRow


def get(session: Session, name: str) -> str | None:
    """Return a fact; None where it was never set."""
    row = session.get(SettingRow, name)
    return None if row is None else row.value


def put(session: Session, name: str, value: str) -> None:
    """Set a fact."""
    session.merge(SettingRow(name=name, value=value))
    session.flush()
