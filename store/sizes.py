"""How much room the counts and values of each model take."""

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, String, func, select, text
from sqlalchemy.orm import Session

from core.windows import Grain
from store import models
from store.database import file_of
from store.grids import grid_set
from store.tables import Base, MetricRow, ProfileRow, WindowRow

REFERENCE = "reference"
_NUMBERS = 8 * sum(not isinstance(column.type, String) for column in MetricRow.__table__.columns)
"""Bytes of what is no text in one row of values."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a model keeps in one grain, or as references; bytes are as written, without indexes."""

    grain: str
    windows: int
    profiles: int
    profile_bytes: int
    values: int
    value_bytes: int


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """What a model keeps; `columns` are those counted in each window, the score among them.

    `cells` are columns × windows of the model's own grain and coarser ones.
    """

    model: str
    columns: int
    cells: int
    grains: tuple[Size, ...]

    @property
    def bytes(self) -> int:
        """Return the bytes of all profiles and values, references included."""
        return sum(one.profile_bytes + one.value_bytes for one in self.grains)

    @property
    def bytes_per_cell(self) -> float | None:
        """Return all bytes by model, column and window; None while there is no window."""
        return self.bytes / self.cells if self.cells else None


def sizes(session: Session) -> list[ModelSize]:
    """Return what each model keeps, by name."""
    held: defaultdict[str, defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    counted = select(WindowRow.model, WindowRow.grain, func.count())
    for name, grain, count in session.execute(counted.group_by(WindowRow.model, WindowRow.grain)):
        held[name][grain]["windows"] = count
    blobs = func.length(ProfileRow.inputs) + func.length(ProfileRow.outcomes)
    for name, grain, count, size in session.execute(_summed(ProfileRow, blobs)):
        own = held[name][REFERENCE if grain.startswith(REFERENCE) else grain]
        own["profiles"] = own.get("profiles", 0) + count
        own["profile_bytes"] = own.get("profile_bytes", 0) + int(size)
    texts = [column for column in MetricRow.__table__.columns if isinstance(column.type, String)]
    written = reduce(add, (func.coalesce(func.length(column), 0) for column in texts))
    for name, grain, count, size in session.execute(_summed(MetricRow, written)):
        held[name][grain] |= {"values": count, "value_bytes": int(size) + _NUMBERS * count}
    return [_model(session, name, grains) for name, grains in sorted(held.items())]


def rows_of_tables(session: Session) -> dict[str, int]:
    """Return how many rows each table holds."""
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def whole(session: Session) -> int:
    """Return the bytes of the whole database; those of SQLite's write-ahead log as well."""
    url = session.get_bind().engine.url
    path = file_of(url)
    if path is not None:
        beside = [path, Path(f"{path}-wal")]
        return sum(one.stat().st_size for one in beside if one.exists())
    if url.get_backend_name() == "sqlite":
        pages, page = (session.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
        return int(pages) * int(page)
    return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _summed(table: type[Base], size: ColumnElement[Any]) -> Any:
    columns = table.__table__.c
    place = (columns.model, columns.grain)
    return select(*place, func.count(), func.coalesce(func.sum(size), 0)).group_by(*place)


def _model(session: Session, name: str, grains: dict[str, dict[str, int]]) -> ModelSize:
    row = models.model(session, name)
    counted = None if row is None or row.grid_set is None else grid_set(session, row.grid_set)
    columns = 0 if counted is None else len(counted.columns) + (counted.score is not None)
    shortest = Grain(row.grain).length if row is not None else Grain.HOUR.length
    windows = sum(
        facts.get("windows", 0)
        for grain, facts in grains.items()
        if grain != REFERENCE and Grain(grain).length >= shortest
    )
    nothing = {"windows": 0, "profiles": 0, "profile_bytes": 0, "values": 0, "value_bytes": 0}

    def by_length(grain: str) -> tuple[bool, Any]:
        return (grain == REFERENCE, None if grain == REFERENCE else Grain(grain).length)

    found = (Size(grain=grain, **nothing | grains[grain]) for grain in sorted(grains, key=by_length))
    return ModelSize(model=name, columns=columns, cells=columns * windows, grains=tuple(found))
