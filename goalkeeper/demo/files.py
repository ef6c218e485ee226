"""Write what the call centre leaves behind: a log file a day, an outcomes file a day, the reference."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.files import write_atomically
from goalkeeper.demo import story
from goalkeeper.demo.days import Calls, calls_of, known_on
from goalkeeper.demo.people import NUMERIC
from goalkeeper.demo.releases import STORY, Releases

TIMES = pa.timestamp("us", tz="UTC")
OK, TIMED_OUT = 200, 504


def log_table(calls: Calls) -> pa.Table:
    """Return the prediction log of a day, scored here and now; `latency_ms` is what that really took."""
    scores, took = calls.model.serve(calls.who)
    columns: dict[str, Any] = {
        "call_id": calls.ids,
        "called_at": pa.array(calls.called, type=TIMES),
        "model_version": [calls.model.version] * len(calls),
        "p_convert": pa.array(scores, mask=~calls.scored),
        "offered": pa.array(calls.offered.astype(np.int64), mask=~calls.scored),
        "latency_ms": took,
        "status": np.where(calls.scored, OK, TIMED_OUT),
        "region": calls.who.region,
        "campaign": calls.who.campaign,
    }
    for name in NUMERIC:
        values = calls.who.numeric[name]
        columns[name] = pa.array(values, mask=np.isnan(values))
    columns |= {"plan": calls.who.plan, "channel": calls.who.channel}
    return pa.table(columns)


def outcomes_table(day: date, releases: Releases = STORY) -> pa.Table:
    """Return the outcomes that became known on a day, by the time they did."""
    parts = known_on(day, releases)
    closed = np.concatenate([calls.closed[known] for calls, known in parts])
    order = np.argsort(closed, kind="stable")
    ids = np.concatenate([np.array(calls.ids)[known] for calls, known in parts])
    answered = np.concatenate([calls.answered[known] for calls, known in parts])
    converted = np.concatenate([calls.converted[known] for calls, known in parts])
    return pa.table(
        {
            "call_id": ids[order],
            "closed_at": pa.array(closed[order], type=TIMES),
            "answered": answered[order].astype(np.int64),
            "converted": converted[order].astype(np.int64),
        }
    )


def reference_table() -> pa.Table:
    """Return the five weeks before the log, with their outcomes in the same rows."""
    parts = []
    for day in story.REFERENCE.days():
        calls = calls_of(day)
        parts.append(
            log_table(calls)
            .append_column("closed_at", pa.array(calls.closed, type=TIMES))
            .append_column("answered", pa.array(calls.answered.astype(np.int64)))
            .append_column("converted", pa.array(calls.converted.astype(np.int64)))
        )
    return pa.concat_tables(parts)


def write_day(folder: Path, day: date) -> None:
    """Write a day's two files unless they are there; its outcomes first, as the log's file ends the day."""
    releases = Releases.of(folder)
    _once(folder / "logs" / "outcomes" / f"{day}.parquet", lambda: outcomes_table(day, releases))
    _once(folder / "logs" / "predictions" / f"{day}.parquet", lambda: log_table(calls_of(day, releases)))


def write_reference(folder: Path) -> None:
    """Write the reference unless it is there."""
    _once(folder / "reference.parquet", reference_table)


def _once(path: Path, made: Any) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(made(), sink)
    write_atomically(path, sink.getvalue().to_pybytes())
