"""Make the log that the benches collect: numeric and categorical columns, 36-character ids, labels.

Day by day, so that a log of any size is made in little memory. A file of the truth holds the labels that
became known on that day, up to a week after the row.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

NUMERIC, CATEGORICAL, DAYS = 16, 5, 30
START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = """\
models:
  bench:
    predictions:
      path: {data}/predictions/*.parquet
      columns: {{id: id, time: at, version: version, score: score, latency_ms: latency_ms, status: status}}
    ground_truth:
      path: {data}/truth/*.parquet
      columns: {{id: id, time: known_at, label: label}}
      maturity: 7d
    reference: {{path: {data}/reference/*.parquet}}
    kpis: {{conversion: {{numerator: label}}}}
    goals: [{{kpi: conversion, baseline: 0.10, target: 0.15, since: 2026-03-01, by: 2026-12-31}}]
"""
_ROWS = """
    SELECT
        lower(printf('%08x-%04x-4%03x-8%03x-%012x', hash(i) % 4294967296, hash(i + 1) % 65536,
            hash(i + 2) % 4096, hash(i + 3) % 4096, i)) AS id,
        TIMESTAMPTZ '{first}' + to_microseconds(CAST({days} * 86400000000 * (i / {rows}) AS BIGINT)) AS at,
        CASE WHEN i * 2 < {rows} THEN 'v1' ELSE 'v2' END AS version,
        {features},
        1 / (1 + exp(2.2 - {score})) AS score,
        exp(3 + 0.5 * {noise}) AS latency_ms,
        CASE WHEN hash(i, 9) % 500 = 0 THEN 500 ELSE 200 END AS status,
        (hash(i, 99) % 1000000) / 1000000.0 < 1 / (1 + exp(2.2 - {score})) AS label
    FROM range({low}, {high}) t(i)
"""
DELAY_DAYS = 7
_TO_COME = f"""
    INSERT INTO to_come SELECT id, "at" + to_hours(CAST(hash(id) % {DELAY_DAYS * 24 - 18} AS BIGINT)), label
    FROM made
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Where the rows lie and how many there are."""

    folder: Path
    rows: int
    days: int
    numeric: int
    categorical: int

    @property
    def columns(self) -> int:
        """How many features there are."""
        return self.numeric + self.categorical

    @property
    def now(self) -> datetime:
        """A moment when every label is known."""
        return START + timedelta(days=self.days + 8)


def make(
    folder: Path, rows: int, days: int = DAYS, numeric: int = NUMERIC, categorical: int = CATEGORICAL
) -> Made:
    """Write the log, the truth and a reference of 30 days once; the same rows for the same numbers."""
    name = "-".join(map(str, (rows, days, numeric, categorical)))
    made = Made(folder=folder / name, rows=rows, days=days, numeric=numeric, categorical=categorical)
    if not (made.folder / "done").exists():
        with duckdb.connect(config={"threads": 2}) as db:
            db.execute("SET TimeZone='UTC'")
            _write(db, made, made.folder / "predictions", START, rows, days, made.folder / "truth")
            of_reference = max(rows // days * DAYS // 5, 20_000)
            _write(db, made, made.folder / "reference", START - timedelta(days=DAYS), of_reference, DAYS)
        (made.folder / "done").touch()
    return made


def _write(
    db: duckdb.DuckDBPyConnection,
    made: Made,
    folder: Path,
    first: datetime,
    rows: int,
    days: int,
    truth: Path | None = None,
) -> None:
    for one in (folder, truth):
        if one is not None:
            one.mkdir(parents=True, exist_ok=True)
    shift = int(first.timestamp())

    def even(k: int) -> str:
        return f"((hash(i, {k}, {shift}) % 1000003) + 1) / 1000005.0"

    def normal(k: int) -> str:
        return f"sqrt(-2 * ln({even(k)})) * cos(2 * pi() * {even(k + 1000)})"

    numeric = [f"{normal(k)} * {k % 20 + 1} + {k} AS x{k}" for k in range(made.numeric)]
    levels = [
        f"'level ' || (hash(i, {5000 + k}) % {_levels(k)})::VARCHAR AS c{k}" for k in range(made.categorical)
    ]
    db.execute("CREATE OR REPLACE TEMP TABLE to_come (id VARCHAR, known_at TIMESTAMPTZ, label BOOLEAN)")
    for day in range(days):
        low, high = -(-rows * day // days), -(-rows * (day + 1) // days)
        query = _ROWS.format(
            first=first.isoformat(), days=days, rows=rows, low=low, high=high,
            features=", ".join(numeric + levels), score=f"0.9 * ({normal(0)})", noise=normal(777),
        )  # fmt: skip
        db.execute(f"CREATE OR REPLACE TEMP TABLE made AS {query}")
        db.execute(f"COPY (SELECT * EXCLUDE (label) FROM made) TO '{folder}/{day:03}.parquet'")
        if truth is not None:
            db.execute(_TO_COME)
            _tell(db, truth, day, first + timedelta(days=day + 1))
    if truth is not None:
        for day in range(days, days + DELAY_DAYS):
            _tell(db, truth, day, first + timedelta(days=day + 1))
    db.execute("DROP TABLE made; DROP TABLE to_come")


def _tell(db: duckdb.DuckDBPyConnection, truth: Path, day: int, end: datetime) -> None:
    """Write the labels that became known by the end of a day."""
    known = f"FROM to_come WHERE known_at < TIMESTAMPTZ '{end.isoformat()}'"
    db.execute(f"COPY (SELECT * {known}) TO '{truth}/{day:03}.parquet'")
    db.execute(f"DELETE {known}")


def _levels(k: int) -> int:
    """Return how many levels a categorical column has: 3, 12, 21, 30 or 39; every 20th one 1,000."""
    return 1_000 if k % 20 == 5 else 3 + 9 * (k % 5)
