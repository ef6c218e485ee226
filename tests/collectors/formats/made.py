"""The log that every platform's files are made from: requests of one to three rows, with odd values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

START, DAYS, REQUESTS = datetime(2026, 3, 2, tzinfo=UTC), 4, 1200
FEATURES = ("age", "amount", "plan")
ODD = 'it\'s "odd", Ω'


def log(seed: int = 3, requests: int = REQUESTS) -> pd.DataFrame:
    """Make rows: request_id, row_index, event_time, the features and `output`, a score."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, requests)
    seconds = np.sort(rng.integers(60, DAYS * 86_400 - 60, requests))
    request = np.repeat(np.arange(requests), sizes)
    n = len(request)
    rows = pd.DataFrame(
        {
            "request_id": [f"r-{i:05d}" for i in request],
            "row_index": np.concatenate([np.arange(size) for size in sizes]),
            "event_time": pd.Timestamp(START) + pd.to_timedelta(seconds[request], unit="s"),
            "age": rng.integers(18, 90, n),
            "amount": rng.normal(50, 20, n).round(4).astype(object),
            "plan": rng.choice(np.array(["basic", "pro", ODD], dtype=object), n),
            "output": rng.uniform(0, 1, n).round(6),
        }
    )  # fmt: skip
    rows.loc[rng.choice(n, 40, replace=False), "amount"] = None
    rows.loc[rng.choice(n, 25, replace=False), "plan"] = None
    return rows


def truth(rows: pd.DataFrame, seed: int = 4) -> pd.DataFrame:
    """Make a label of each row, known within a day."""
    rng = np.random.default_rng(seed)
    later = pd.to_timedelta(rng.integers(60, 80_000, len(rows)), unit="s")
    return pd.DataFrame(
        {
            "request_id": rows["request_id"], "row_index": rows["row_index"],
            "known_at": rows["event_time"] + later,
            "label": (rng.uniform(size=len(rows)) < rows["output"]).astype(int),
        }
    )  # fmt: skip


def requests(rows: pd.DataFrame) -> Iterator[tuple[str, datetime, list[dict[str, Any]]]]:
    """Yield each request: its id, its time and its rows as plain values."""
    plain = rows.astype(object).where(rows.notna(), None)
    for request, found in plain.groupby("request_id", sort=False):
        records = found.to_dict("records")
        yield str(request), records[0]["event_time"].to_pydatetime(), [
            {key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()}
            for row in records
        ]  # fmt: skip


def stamp(time: datetime, *, ago: timedelta = timedelta()) -> str:
    """Write a time as most platforms do."""
    return (time + ago).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
