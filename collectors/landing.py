"""Where a pass keeps rows that readers made of payloads: Parquet that goes when they are counted.

Values are kept as text and their meaning is tried when they are read, as of CSV and JSON Lines.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from collectors.payloads import Value

OWN: Mapping[str, pa.DataType] = {
    "request_id": pa.string(), "row_index": pa.int64(), "event_time": pa.timestamp("us", "UTC"),
    "version": pa.string(), "model": pa.string(), "endpoint": pa.string(), "latency_ms": pa.float64(),
    "status": pa.string(), "sampled": pa.float64(), "source_uri": pa.string(), "source_offset": pa.int64(),
}  # fmt: skip
"""What a reader says of each row itself; everything else came in the payload."""
CHUNK = 20_000
MOSTLY = 0.95
"""A column is one of numbers where so many of its values are; the others are counted as invalid."""
Look = Literal["whole", "number", "boolean", "text"]


class Landing:
    """Rows on their way into Parquet files of a folder."""

    def __init__(self, folder: Path, name: str, *, local: bool = False) -> None:
        """Keep files as `name`-0.parquet, …; `local` times name no zone."""
        self._folder, self._name = folder, name
        self._types = dict(OWN) | ({"event_time": pa.timestamp("us")} if local else {})
        self._rows: list[Mapping[str, Value | datetime]] = []
        self._written = 0

    @property
    def file(self) -> str:
        """Return the file that the next row goes into."""
        return str(self._folder / f"{self._name}-{self._written}.parquet")

    def add(self, row: Mapping[str, Value | datetime]) -> None:
        """Keep a row."""
        self._rows.append(row)
        if len(self._rows) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        names = dict.fromkeys([*OWN, *(name for row in rows for name in row)])
        columns = {
            name: _array([row.get(name) for row in rows], self._types.get(name, pa.string()))
            for name in names
        }
        pq.write_table(pa.table(columns), self.file, compression="zstd", compression_level=1)
        self._written += 1


class Looks:
    """What the values of each column look like, counted."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, Counter[Look]] = defaultdict(Counter)

    def add(self, name: str, value: Value) -> None:
        """Look at a value."""
        seen = self._seen[name]
        if value is not None and value != "":
            seen[look_of(value)] += 1

    def types(self) -> dict[str, str]:
        """Return DuckDB's type of each column; '' of one without any value."""
        return {name: _type(seen) for name, seen in self._seen.items()}


def look_of(value: Value) -> Look:
    """Tell what a value looks like, also one that is kept as text."""
    if isinstance(value, bool) or value in ("true", "false", "True", "False"):
        return "boolean"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return "text"
        digits = value.strip().lstrip("+-")
        return "text" if "_" in value else "whole" if digits.isdigit() else "number"
    return "whole" if isinstance(value, int) else "number"


def common_type(weights: Mapping[str, int]) -> str:
    """Return the type of a column that has several in several files, by how many rows have each."""
    known = Counter({kind: n for kind, n in weights.items() if kind})
    numbers, n = known["BIGINT"] + known["DOUBLE"], sum(known.values())
    if not n:
        return ""
    if numbers >= MOSTLY * n:
        return "BIGINT" if known["BIGINT"] == n else "DOUBLE"
    return "BOOLEAN" if known["BOOLEAN"] >= MOSTLY * n else "VARCHAR"


def _type(seen: Counter[Look]) -> str:
    types: Counter[str] = Counter(BIGINT=seen["whole"], DOUBLE=seen["number"])
    return common_type(types + Counter(BOOLEAN=seen["boolean"], VARCHAR=seen["text"]))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_string(kind):
        return pa.array(values, kind)
    texts = [None if value is None else _text(value) for value in values]
    try:
        return pa.array(texts, kind)
    except UnicodeEncodeError:  # half of a pair, which JSON can hold and a text cannot
        return pa.array([None if one is None else one.encode("utf-8", "replace").decode() for one in texts])


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
