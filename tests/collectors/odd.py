"""A log with everything odd in it, and the places that hold it: one for each engine that runs here."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [datetime(2026, 3, 27), datetime(2026, 3, 29), datetime(2026, 3, 30),
        datetime(2026, 10, 24), datetime(2026, 10, 25), datetime(2026, 10, 26)]  # fmt: skip
"""The 29th of March has 23 hours in Berlin, the 25th of October 25; days without rows lie between."""
NUMBERS = [math.nan, math.inf, -math.inf, -0.0, 0.0, 1e100, -1e-100, 0.1, 5.0, 2.5]
NUMBER_TEXTS = ["1", " 2 ", "1d", "0x1p3", "", " ", "x", "1e5", "NaN", ".5", "5.", "+7", "-3.25", "1_000"]
TEXTS = ["", " ", "Ω≠ß", 'it\'s "odd"', "back\\slash", "new\nline", "tab\t", "日本", "%d {x} ${y} %s", "NULL",
         "end ", "end", "END", "é", "e\u0301", "🙂"]  # fmt: skip
REGIONS = ["Nord", "nord", "nord ", "Süd", ""]
COLUMNS = {"id": "Call Id", "time": "calledAt", "version": "Version", "role": "role", "score": "Score",
           "latency_ms": "latency ms", "status": "Status", "sampled": "Share"}  # fmt: skip


def odd_log(*, zoned: bool, seed: int = 7, a_day: int = 200, days: Iterable[datetime] = DAYS) -> pa.Table:
    """Make a log: its values, its columns' names and its times are odd, and ids repeat."""
    rng = np.random.default_rng(seed)
    walls = [day + timedelta(microseconds=int(us)) for day in days for us in rng.integers(0, 86_400e6, a_day)]
    n = len(walls)
    folds = rng.integers(0, 2, n)
    times = [
        at.replace(fold=int(fold), tzinfo=BERLIN if zoned else None)
        for at, fold in zip(walls, folds, strict=True)
    ]
    columns: dict[str, pa.Array] = {
        "Call Id": pa.array([f"№{i:05d}" if i % 29 else None for i in range(n)]),
        "calledAt": pa.array(times, pa.timestamp("us", "UTC" if zoned else None)),
        "Version": _texts(rng, ["v1", "V1", "v 2"], n, 0.02),
        "role": _texts(rng, ["champion", "shadow", "Holdout", "holdout"], n, 0.02),
        "Score": _numbers(rng.uniform(size=n).round(6), rng, 0.04),
        "latency ms": _numbers(np.exp(rng.normal(3, 1, n)).round(3), rng, 0.04),
        "Status": _texts(rng, ["200", "503", "ok", "", "OK", "é" * 80], n, 0.04),
        "Share": _numbers(rng.choice([1.0, 0.5, 0.1, 0.0], n), rng, 0.1),
        "Größe`x": _numbers(rng.choice(NUMBERS, n), rng, 0.04),
        "select": pa.array(rng.integers(-(2**40), 2**40, n)),
        "as text": _texts(rng, NUMBER_TEXTS, n, 0.04),
        "a.b": _texts(rng, TEXTS, n, 0.04),
        'say "it"': pa.array([None if x < 0.1 else bool(x < 0.4) for x in rng.uniform(size=n)]),
        "Region": _texts(rng, REGIONS, n, 0.04),
    }
    made = pa.table(columns)
    later = [at + timedelta(seconds=1) for at in times[10:30]]
    again = made.slice(10, 20).set_column(
        1, "calledAt", pa.array(later, made.schema.field("calledAt").type)
    )  # of one id the latest row counts
    return pa.concat_tables([made, again])


def odd_truth(log: pa.Table, *, zoned: bool) -> pa.Table:
    """Make labels of half of the rows: unknown words, and some ids twice."""
    rng = np.random.default_rng(5)
    pairs = zip(log["Call Id"].to_pylist(), log["calledAt"].to_pylist(), strict=True)
    known = {ident: at for ident, at in pairs if ident is not None}
    kept = list(known.items())[::2]
    kept += kept[5:25]
    closed = [at + timedelta(seconds=int(s)) for (_id, at), s in zip(kept, rng.integers(1, 2e5, len(kept)),
                                                                     strict=True)]  # fmt: skip
    return pa.table(
        {
            "Call Id": pa.array([ident for ident, _at in kept]),
            "closed At": pa.array(closed, pa.timestamp("us", "UTC" if zoned else None)),
            "Won?": _texts(rng, [*["yes"] * 6, *["no"] * 9, "Yes", "yes ", ""], len(kept), 0.05),
        }
    )  # fmt: skip


def odd_body(
    log: Mapping[str, Any], truth: Mapping[str, Any], reference: Mapping[str, Any]
) -> dict[str, Any]:
    """Configure the model of `odd_log` and `odd_truth`."""
    features = {
        "numeric": ["Größe`x", "select", "as text"],
        "categorical": ["a.b", 'say "it"', "Version"],
    }
    return {
        "predictions": {**log, "columns": COLUMNS, "features": features, "timezone": "Europe/Berlin"},
        "ground_truth": {
            **truth, "maturity": "2d", "timezone": "Europe/Berlin",
            "columns": {"id": "Call Id", "time": "closed At", "label": "Won?"},
        },
        "reference": {**reference, "timezone": "Europe/Berlin"}, "positive_label": "yes",
        "roles": {"Holdout": "control"}, "segments": ["Region"], "service_grain": "1d",
        "kpis": {"won": {"numerator": "Won?"}, "size": {"mean": "select"},
                 "late": {"numerator": "Won?", "by": "outcome"}},
    }  # fmt: skip


def to_parquet(rows: pa.Table, folder: Path, name: str) -> dict[str, Any]:
    """Write a Parquet file."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / f"{name}.parquet")
    return {"path": str(folder / f"{name}.parquet")}


def to_sql(rows: pa.Table, url: str, name: str) -> dict[str, Any]:
    """Write a table of a database."""
    family = sa.make_url(url).get_backend_name()
    engine = sa.create_engine(url)
    table = sa.Table(name, sa.MetaData(), *(sa.Column(f.name, _type(f.type, family)) for f in rows.schema))
    values = rows.to_pylist()
    if family == "sqlite":
        values = [{key: _plain(value) for key, value in row.items()} for row in values]
    keys = [f"c{i}" for i in range(rows.num_columns)]
    bound = {column.name: sa.bindparam(key) for column, key in zip(table.columns, keys, strict=True)}
    with engine.begin() as connection:
        table.drop(connection, checkfirst=True)
        table.create(connection)
        connection.execute(
            sa.insert(table).values(bound), [dict(zip(keys, row.values(), strict=True)) for row in values]
        )
    engine.dispose()
    return {"kind": "sql", "url": url, "table": name}


def to_chdb(rows: pa.Table, folder: Path, name: str) -> dict[str, Any]:
    """Write a table of a folder of ClickHouse's."""
    from chdb.session import Session

    types = {
        column.name: "DateTime64(6, 'Europe/Berlin')" if pa.types.is_timestamp(column.type) and column.type.tz
        else "Nullable(DateTime64(6))" if pa.types.is_timestamp(column.type)
        else _CLICKHOUSE[str(column.type)]
        for column in rows.schema
    }  # fmt: skip
    columns = ", ".join(f"`{column.replace('`', '``')}` {kind}" for column, kind in types.items())
    path = to_parquet(rows, folder.parent / "chdb-files", name)["path"]
    session = Session(str(folder))
    session.query("SET session_timezone = 'UTC'")
    session.query(f"CREATE OR REPLACE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
    session.query(f"INSERT INTO {name} SELECT * FROM file('{path}', Parquet)")
    session.close()
    return {"kind": "clickhouse", "path": str(folder), "table": name}


_CLICKHOUSE = {"string": "Nullable(String)", "double": "Nullable(Float64)", "int64": "Int64",
               "bool": "Nullable(Bool)"}  # fmt: skip


def _type(kind: pa.DataType, family: str) -> Any:
    if family == "sqlite" and (pa.types.is_timestamp(kind) or pa.types.is_boolean(kind)):
        return sa.Text()
    if pa.types.is_timestamp(kind):
        zoned = kind.tz is not None
        if family == "mysql":
            return mysql.TIMESTAMP(fsp=6, timezone=True) if zoned else mysql.DATETIME(fsp=6)
        return sa.DateTime(timezone=zoned)
    if pa.types.is_floating(kind):
        return sa.Float(53)
    if pa.types.is_integer(kind):
        return sa.BigInteger()
    return sa.Boolean() if pa.types.is_boolean(kind) else sa.String(100)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def _texts(rng: np.random.Generator, words: list[str], n: int, missing: float) -> pa.Array:
    chosen, gone = rng.integers(0, len(words), n), rng.uniform(size=n) < missing
    return pa.array([None if none else words[i] for i, none in zip(chosen, gone, strict=True)], pa.string())


def _numbers(values: Any, rng: np.random.Generator, missing: float) -> pa.Array:
    gone = rng.uniform(size=len(values)) < missing
    return pa.array([None if none else float(x) for x, none in zip(values, gone, strict=True)], pa.float64())
