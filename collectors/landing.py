"""Where a pass keeps rows that readers made of payloads: Parquet that goes when they are counted.

Values are kept as text and their meaning is tried when they are read, as of CSV and JSON Lines.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from collectors.expressions import raw
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


def looks_in(files: str, names: Sequence[str]) -> exp.Select:
    """Ask what the values of text columns in some Parquet files look like.

    Args:
        files: what to write after FROM.

    Returns:
        One row: of the column at each place i `n{i}` values, `d{i}` of them numbers, `w{i}` whole ones and
        `b{i}` true or false.
    """
    asked: list[exp.Expression] = []
    for at, name in enumerate(names):
        value = exp.to_identifier(name, quoted=True).sql("duckdb")
        tests = {
            "n": f"{value} <> ''",
            "d": f"try_cast({value} AS DOUBLE) IS NOT NULL AND NOT contains({value}, '_')",
            "w": f"regexp_full_match({value}, '\\s*[+-]?\\d+\\s*')",
            "b": f"lower({value}) IN ('true', 'false')",
        }
        asked += [raw(f"count(*) FILTER ({test}) AS {what}{at}") for what, test in tests.items()]
    return exp.select(*asked).from_(raw(files))


def types_of(row: Mapping[str, int], names: Sequence[str]) -> dict[str, str]:
    """Return DuckDB's types of the columns that `looks_in` was asked of, '' of one without any value."""
    found = {}
    for at, name in enumerate(names):
        n, numbers, wholes, truths = (int(row[f"{what}{at}"]) for what in "ndwb")
        weights = {
            "BIGINT": wholes, "DOUBLE": numbers - wholes, "BOOLEAN": truths, "VARCHAR": n - numbers - truths,
        }  # fmt: skip
        found[name] = common_type(weights)
    return found


def common_type(weights: Mapping[str, int]) -> str:
    """Return the type of a column that has several in several files, by how many rows have each."""
    known = Counter({kind: n for kind, n in weights.items() if kind})
    numbers, n = known["BIGINT"] + known["DOUBLE"], sum(known.values())
    if not n:
        return ""
    if numbers >= MOSTLY * n:
        return "BIGINT" if known["BIGINT"] == n else "DOUBLE"
    return "BOOLEAN" if known["BOOLEAN"] >= MOSTLY * n else "VARCHAR"


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_string(kind):
        return pa.array(values, kind)
    texts = [value if value is None or type(value) is str else _text(value) for value in values]
    try:
        return pa.array(texts, kind)
    except UnicodeEncodeError:  # half of a pair, which JSON can hold and a text cannot
        return pa.array([None if one is None else one.encode("utf-8", "replace").decode() for one in texts])


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
