"""What 'normal' is measured against: the newest reference of a model is in force."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.profile import Profile, ProfileKey
from store import settings
from store.profiles import add_cells, profiles
from store.tables import ModelRow, ReferenceRow

_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A reference that somebody put in place of the file's: days of the log [since, until), or a file.

    It holds while the file says of its reference what it said then (`instead_of`, by key).
    """

    since: date | None = None
    until: date | None = None
    path: str = ""
    instead_of: Mapping[str, str]
    actor: str
    reason: str
    at: datetime


def chosen_reference(session: Session, model: str, file_says: Mapping[str, str]) -> Chosen | None:
    """Return the reference that somebody put in place of the file's; None where the file's holds.

    Args:
        file_says: the keys of the file, of which those of the reference count.
    """
    kept = settings.get(session, f"reference:{model}")
    if not kept:
        return None
    body = json.loads(kept)
    for name in ("since", "until"):
        body[name] = None if body[name] is None else date.fromisoformat(body[name])
    chosen = Chosen(**body | {"at": datetime.fromisoformat(body["at"])})
    return chosen if chosen.instead_of == of_reference(file_says) else None


def choose_reference(session: Session, model: str, chosen: Chosen | None) -> None:
    """Put a reference in place of the file's; None goes back to that."""
    text = "" if chosen is None else json.dumps(vars(chosen), default=lambda value: value.isoformat())
    settings.put(session, f"reference:{model}", text)


def is_settled(session: Session, model: str, file_says: Mapping[str, str]) -> bool:
    """Tell whether a pass has seen what the file says of the reference, and what somebody chose instead."""
    return settings.get(session, f"settled:{model}") == _asked(session, model, file_says)


def keep_settled(session: Session, model: str, file_says: Mapping[str, str]) -> None:
    """Keep that a pass has seen it."""
    settings.put(session, f"settled:{model}", _asked(session, model, file_says))


def _asked(session: Session, model: str, file_says: Mapping[str, str]) -> str:
    chosen = chosen_reference(session, model, file_says)
    asked = None if chosen is None else [str(chosen.since), str(chosen.until), chosen.path]
    return json.dumps([of_reference(file_says), asked], sort_keys=True, ensure_ascii=False)


def of_reference(keys: Mapping[str, str]) -> dict[str, str]:
    """Return those keys of the file that say what the model's reference is, without those of its versions."""
    return {
        key: text
        for key, text in keys.items()
        if key.startswith("reference.") and not key.startswith("reference.versions.")
    }


def current_reference(session: Session, model: str, version: str = "") -> ReferenceRow | None:
    """Return the reference in force, of the model or of a version that brings its own; None without one."""
    query = select(ReferenceRow).where(ReferenceRow.model == model, ReferenceRow.version == version)
    return session.scalars(query.order_by(ReferenceRow.id.desc()).limit(1)).first()


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
    """Put a new reference in force, of the model or of the version that it names."""
    session.add(row)
    session.flush()
    add_cells(session, row.model, grain_of(row), cells)
    model = session.get(ModelRow, row.model)
    if model is not None and not row.version:
        model.reference_id, model.grid_set = row.id, row.grid_set
    return row


def grain_of(row: ReferenceRow) -> str:
    """Return the name under which a reference's profiles are kept."""
    return f"reference:{row.id}"
