"""What a person should hear of a window: noted beside its profiles, as found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from collectors.schema import scaled
from collectors.sources.base import Slice
from core.grid import GridSet
from core.profile import Profile, ProfileKey, merge_all
from core.roles import SERVED
from core.text import gettext as _
from core.windows import Window


def notes_of(
    cells: Mapping[ProfileKey, Profile],
    grids: GridSet,
    normal: Profile | None,
    schema: Mapping[str, str],
    odd: Mapping[str, int],
) -> dict[str, Any]:
    """Return the notes of one window; `schema` says what changed of its columns, by column."""
    notes: dict[str, Any] = {}
    own = [cell for key, cell in cells.items() if not key.segment and key.role in SERVED]
    changed = dict(schema)
    if own:
        pooled = merge_all(own, grid_set=grids.id)
        changed |= scaled(grids.columns, normal, pooled)
        invalid = {column: one.invalid for column, one in pooled.inputs.columns.items() if one.invalid}
        if invalid:
            notes["invalid"] = invalid
        if pooled.outcomes.unknown_labels:
            notes["unknown_labels"] = pooled.outcomes.unknown_labels
        if pooled.inputs.duplicates:
            notes["duplicates"] = pooled.inputs.duplicates
    elif not cells:
        notes["empty"] = True
    if changed:
        notes["schema"] = changed
    if odd:
        notes["odd"] = dict(odd)
    return notes


def unreadable_in(batch: Sequence[Window], log: Sequence[Slice]) -> dict[datetime, dict[str, str]]:
    """Return, by start of window, the bad files whose rows may be missing there.

    A bad file tells no times: it is taken to lie between its neighbours by name; the first and the last one
    beside the neighbour that there is.
    """
    found: dict[datetime, dict[str, str]] = {}
    parts = sorted(log, key=lambda one: one.name)
    for i, bad in enumerate(parts):
        if not bad.error:
            continue
        before = next((one.last for one in reversed(parts[:i]) if not one.error and one.last), None)
        after = next((one.first for one in parts[i + 1 :] if not one.error and one.first), None)
        gap = [
            window
            for window in batch
            if before is not None and after is not None and window.start > before and window.end <= after
        ]
        beside = before if before is not None else after
        edge = [window for window in batch if beside is not None and window.start <= beside < window.end]
        for window in gap or edge:
            found.setdefault(window.start, {})[bad.name] = _("{file} cannot be read: {error}").format(
                file=bad.name.rpartition("/")[2], error=bad.error
            )
    return found


def left_out(parts: Mapping[str, Sequence[Slice]]) -> list[str]:
    """Say which parts of which sources cannot be read."""
    return [
        _("{use}: {file} was left out: {error}").format(use=name, file=one.name, error=one.error)
        for name, found in parts.items()
        for one in found
        if one.error
    ]
