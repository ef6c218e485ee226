"""Parts of sources as the store keeps them."""

from datetime import datetime

from collectors.sources.base import Slice
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
