"""Profiles, encoded part by part."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from core.codec import decode, encode
from core.profile import Inputs, Outcomes, Profile, ProfileKey, Role, merge_all
from core.windows import Grain, Window
from store.tables import ProfileRow

Part = Literal["inputs", "outcomes", "both"]
Cell = tuple[ProfileKey, Profile]


def profiles(
    session: Session,
    model: str,
    grain: Grain | str,
    start: datetime,
    end: datetime,
    *,
    version: str | None = None,
    segment: str | None = None,
    part: Part = "both",
) -> list[Cell]:
    """Return the profiles of the windows that start in [start, end), by window, version, role and segment.

    Args:
        version, segment: only this one; None means any.
        part: decode only this part; the other one is empty.
    """
    table = ProfileRow.__table__.c
    columns = [table.start, table.version, table.role, table.segment, table.grid_set]
    columns += [table.inputs] if part != "outcomes" else []
    columns += [table.outcomes] if part != "inputs" else []
    query = select(*columns).where(
        table.model == model, table.grain == str(grain), table.start >= start, table.start < end
    )
    if version is not None:
        query = query.where(table.version == version)
    if segment is not None:
        query = query.where(table.segment == segment)
    query = query.order_by(table.start, table.version, table.role, table.segment)
    own = Grain(str(grain)) if str(grain) in set(Grain) else Grain.DAY
    return [
        (
            ProfileKey(
                model=model, version=row.version, role=Role(row.role), segment=row.segment, grain=own,
                start=row.start, grid_set=row.grid_set,
            ),
            Profile(
                grid_set=row.grid_set,
                inputs=decode(row.inputs, Inputs) if part != "outcomes" else Inputs(),
                outcomes=decode(row.outcomes, Outcomes) if part != "inputs" else Outcomes(),
            ),
        )
        for row in session.execute(query)
    ]  # fmt: skip


def roles(session: Session, model: str, grain: Grain | str, start: datetime, end: datetime) -> set[Role]:
    """Return the roles in which anybody answered in the windows that start in [start, end)."""
    table = ProfileRow.__table__.c
    query = select(table.role).distinct().where(
        table.model == model, table.grain == str(grain), table.start >= start, table.start < end,
        table.segment == "",
    )  # fmt: skip
    return {Role(found) for found in session.scalars(query)}


def summed(cells: Iterable[Cell], window: Window) -> dict[ProfileKey, Profile]:
    """Add profiles up to those of one window: one for each version, role, segment and grid set."""
    groups: defaultdict[ProfileKey, list[Profile]] = defaultdict(list)
    for key, profile in cells:
        groups[replace(key, grain=window.grain, start=window.start)].append(profile)
    return {key: merge_all(kept, grid_set=key.grid_set) for key, kept in groups.items()}


def save_profiles(
    session: Session, model: str, grain: Grain | str, start: datetime, cells: Mapping[ProfileKey, Profile]
) -> str:
    """Put a window's profiles in place of those that were there; return the digest of all of them."""
    return save_many(session, model, grain, {start: cells})[start]


def save_many(
    session: Session,
    model: str,
    grain: Grain | str,
    windows: Mapping[datetime, Mapping[ProfileKey, Profile]],
) -> dict[datetime, str]:
    """Put the profiles of many windows in place of those that were there; return their digests by start."""
    starts, rows, digests = list(windows), [], {}
    for start, cells in windows.items():
        own = [_row(model, str(grain), key, profile) for key, profile in sorted(cells.items())]
        digests[start] = _digest(own)
        rows += own
    for at in range(0, len(starts), 400):
        session.execute(
            delete(ProfileRow).where(
                ProfileRow.model == model,
                ProfileRow.grain == str(grain),
                ProfileRow.start.in_(starts[at : at + 400]),
            ),
            execution_options={"synchronize_session": False},
        )
    add_rows(session, rows)
    return digests


def _digest(rows: list[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        for name in ("version", "role", "segment", "grid_set"):
            digest.update(row[name].encode() + b"\0")
        digest.update(row["inputs"] + b"\0" + row["outcomes"])
    return digest.hexdigest()[:16]


def add_cells(session: Session, model: str, grain: str, cells: Iterable[Cell]) -> None:
    """Add profiles where there were none."""
    add_rows(session, [_row(model, grain, key, profile) for key, profile in cells])


def add_rows(session: Session, rows: list[dict[str, Any]]) -> None:
    """Insert encoded profiles in one go."""
    if rows:
        session.execute(insert(ProfileRow), rows)


def _row(model: str, grain: str, key: ProfileKey, profile: Profile) -> dict[str, Any]:
    return {
        "model": model,
        "grain": grain,
        "start": key.start,
        "version": key.version,
        "role": key.role.value,
        "segment": key.segment,
        "grid_set": profile.grid_set,
        "inputs": encode(profile.inputs),
        "outcomes": encode(profile.outcomes),
    }
