"""BentoML's monitoring: rows one a line in local time, rotated by day, with their schema beside them."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from tests.collectors.formats.made import FEATURES, requests

ZONE = ZoneInfo("Asia/Kolkata")
SAYS = {"timezone": str(ZONE)}
USES = {"id": "request_id", "row_index": "row_index", "time": "event_time", "version": "version"}
SCORE = "score"


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write data and schema of two workers; return the rows as they are meant."""
    data, schema = folder / "churn" / "data", folder / "churn" / "schema"
    files: dict[Path, list[str]] = {}
    for at, (request, time, found) in enumerate(requests(rows)):
        local = time.astimezone(ZONE)
        day = f".{local:%Y-%m-%d}" if local.day < 5 else ""
        for row in found:
            line = {key: row[key] for key in FEATURES} | {SCORE: row["output"], "timestamp_": "mine"}
            line |= {"timestamp": local.replace(tzinfo=None).isoformat(timespec="microseconds")}
            line |= {"request_id": request, "trace_id": str(at)}
            files.setdefault(data / f"data.{at % 2}.log{day}", []).append(json.dumps(line))
    columns = [{"name": name, "role": "feature", "type": "numerical"} for name in FEATURES]
    columns.append({"name": SCORE, "role": "prediction", "type": "numerical"})
    for worker in range(2):
        said = {"meta_data": {"bento_name": "churn", "bento_version": "v7"}, "columns": columns}
        files[schema / f"schema.{worker}.log"] = [json.dumps(said)]
    for path, lines in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return rows.rename(columns={"output": SCORE}).assign(version="v7", timestamp_="mine")
