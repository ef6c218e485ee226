"""Watched models as last configured, and the versions that their logs named."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import settings
from store.tables import ModelRow, VersionRow


def models(session: Session) -> list[ModelRow]:
    """Return every model that was ever collected, by name."""
    return list(session.scalars(select(ModelRow).order_by(ModelRow.name)))


def model(session: Session, name: str) -> ModelRow | None:
    """Return one model; None if it was never collected."""
    return session.get(ModelRow, name)


def save_model(session: Session, row: ModelRow) -> None:
    """Write a model in place of what was there."""
    session.merge(row)
    session.flush()


def counted_keys(session: Session, name: str) -> dict[str, str] | None:
    """Return the file's keys, with their texts, that a model was last counted by; None if unknown."""
    kept = settings.get(session, f"counted:{name}")
    return None if kept is None else dict(json.loads(kept))


def keep_counted_keys(session: Session, name: str, keys: Mapping[str, str]) -> None:
    """Keep the file's keys that a model is counted by from now on."""
    settings.put(session, f"counted:{name}", json.dumps(keys, sort_keys=True, ensure_ascii=False))


def declared_parts(session: Session, name: str) -> dict[str, str] | None:
    """Return a digest of each part of a model's configuration, as the last pass found it; None before one."""
    kept = settings.get(session, f"declared:{name}")
    return None if kept is None else dict(json.loads(kept))


def keep_declared_parts(session: Session, name: str, parts: Mapping[str, str]) -> None:
    """Keep the digests of a model's configuration for the next pass."""
    settings.put(session, f"declared:{name}", json.dumps(parts, sort_keys=True))


def versions(session: Session, model: str) -> list[VersionRow]:
    """Return a model's versions, the first seen first."""
    query = select(VersionRow).where(VersionRow.model == model)
    return list(session.scalars(query.order_by(VersionRow.first_seen, VersionRow.version)))


def see_versions(
    session: Session, model: str, seen: Mapping[str, tuple[datetime, datetime]], now: datetime
) -> list[str]:
    """Widen the span (first, last event time) of each version seen; return those that are new."""
    known = {row.version: row for row in versions(session, model)}
    for version, (first, last) in sorted(seen.items()):
        row = known.get(version)
        if row is None:
            session.add(
                VersionRow(model=model, version=version, first_seen=first, last_seen=last, noticed_at=now)
            )
        elif first < row.first_seen or last > row.last_seen:
            row.first_seen, row.last_seen = min(first, row.first_seen), max(last, row.last_seen)
    session.flush()
    return sorted(set(seen) - set(known))
