"""MLflow scoring bodies in all four shapes, one call a line."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tests.collectors.formats.made import FEATURES, requests

SAYS = {"feature_names": list(FEATURES)}
USES = {
    "id": "request_id", "row_index": "row_index", "time": "event_time", "version": "version",
    "latency_ms": "latency_ms", "status": "status",
}  # fmt: skip


def body(found: list[dict[str, Any]], at: int) -> dict[str, Any]:
    """Ask for some rows in one of the shapes."""
    values = [[row[key] for key in FEATURES] for row in found]
    records = [{key: row[key] for key in FEATURES} for row in found]
    split = {"columns": list(FEATURES), "index": list(range(len(found))), "data": values}
    columns = {key: [row[key] for row in found] for key in FEATURES}
    shapes = (
        {"dataframe_records": records},
        {"dataframe_split": split},
        {"instances": values},
        {"inputs": columns},
    )
    return dict(shapes[at % 4])


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write two files; return the rows as they are meant."""
    folder.mkdir()
    lines: list[str] = []
    for at, (request, time, found) in enumerate(requests(rows)):
        asked, told = body(found, at), {"predictions": [row["output"] for row in found]}
        texts = at % 5 == 0  # bodies as they came: texts
        call = {
            "request_id": request, "timestamp_ms": int(time.timestamp() * 1000), "model_version": "3",
            "execution_time_ms": 12.5, "status_code": 200,
            "request": json.dumps(asked) if texts else asked,
            "response": json.dumps(told) if texts else told,
        }  # fmt: skip
        lines.append(json.dumps(call))
    half = len(lines) // 2
    (folder / "a.jsonl").write_text("\n".join(lines[:half]) + "\n")
    (folder / "b.jsonl").write_text("\n".join(lines[half:]) + "\n")
    return rows.assign(version="3", latency_ms=12.5, status="200")
