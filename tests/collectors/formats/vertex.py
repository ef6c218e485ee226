"""Vertex AI request-response logs: schema v1 as Parquet, v2 as JSON Lines; the id is in the instance."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.collectors.formats.made import FEATURES, requests

SAYS: dict[str, Any] = {}
USES = {"id": "ticket", "time": "event_time", "version": "version"}
SCORE = "output.scores_yes"


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write a table of each schema; return the rows as they are meant."""
    folder.mkdir()
    first: list[dict[str, Any]] = []
    second: list[str] = []
    for at, (request, time, found) in enumerate(requests(rows)):
        asked = [
            {"ticket": f"{request}/{row['row_index']}", **{key: row[key] for key in FEATURES}}
            for row in found
        ]
        told = [{"scores": [1 - row["output"], row["output"]], "classes": ["no", "yes"]} for row in found]
        if at % 2:
            first.append(
                {
                    "endpoint": "4711", "deployed_model_id": "88", "logging_time": time,
                    "request_id": Decimal(9000 + at), "request_payload": [json.dumps(one) for one in asked],
                    "response_payload": [json.dumps(one) for one in told],
                }
            )  # fmt: skip
        else:
            line = {
                "endpoint": "4711", "deployed_model_id": "88", "request_id": str(9000 + at), "model": "churn",
                "logging_time": time.strftime("%Y-%m-%d %H:%M:%S.%f UTC"), "model_version": "88",
                "full_request": {"instances": asked}, "full_response": json.dumps({"predictions": told}),
                "metadata": json.dumps({"other": 1}),
            }  # fmt: skip
            second.append(json.dumps(line))
    pq.write_table(pa.Table.from_pylist(first), folder / "v1.parquet")
    (folder / "v2.jsonl").write_text("\n".join(second) + "\n")
    ids = rows["request_id"] + "/" + rows["row_index"].astype(str)
    return rows.rename(columns={"output": SCORE}).assign(version="88", ticket=ids)
