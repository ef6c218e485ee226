"""What the store keeps for the next pass: parts of sources, windows and their profiles."""

from collections.abc import Sequence
from datetime import datetime

from collectors.sources.base import Slice
from collectors.windows import Collected
from core.profile import Profile, ProfileKey
from core.windows import Grain, Window
from store import profiles, windows
from store.database import Store
from store.tables import SliceRow


def slice_of(row: SliceRow) -> Slice:
    """Read a part."""
    return Slice(
        name=row.name, mark=row.mark, first=row.first, last=row.last, rows=row.rows, columns=row.columns,
        error=row.error,
    )  # fmt: skip


def row_of(model: str, source: str, one: Slice, now: datetime) -> SliceRow:
    """Write a part."""
    return SliceRow(
        model=model, source=source, name=one.name, mark=one.mark, first=one.first, last=one.last,
        rows=one.rows, columns=dict(one.columns), error=one.error, seen_at=now,
    )  # fmt: skip


def known_of(
    store: Store, model: str, grain: Grain, since: datetime | None = None
) -> dict[datetime, Collected]:
    """Return what is stored of every window that ends after `since`, by start."""
    with store.read() as session:
        rows = [
            row
            for row in windows.windows(session, model, grain, since and since - 2 * grain.length)
            if since is None or row.end > since
        ]
    return {
        row.start: Collected(
            inputs_mark=row.inputs_mark, outcomes_mark=row.outcomes_mark, collected_at=row.collected_at,
            ok=row.state == "ok",
        )
        for row in rows
    }  # fmt: skip


def stored_in(
    store: Store, model: str, batch: Sequence[Window], grid_set: str
) -> dict[datetime, dict[ProfileKey, Profile]]:
    """Return the stored profiles of some windows on a grid set, by start."""
    wanted = {window.start for window in batch}
    with store.read() as session:
        found = profiles.profiles(session, model, batch[0].grain, batch[0].start, batch[-1].end)
    stored: dict[datetime, dict[ProfileKey, Profile]] = {}
    for key, profile in found:
        if key.start in wanted and key.grid_set == grid_set:
            stored.setdefault(key.start, {})[key] = profile
    return stored
