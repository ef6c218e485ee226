"""Databricks inference tables of three generations, one file each; some payloads were too long to be kept."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from tests.collectors.formats import mlflow
from tests.collectors.formats.made import FEATURES, requests

SAYS = mlflow.SAYS
USES = mlflow.USES | {"sampled": "sampled"}


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write a table of each generation; return the rows as they are meant."""
    folder.mkdir()
    meant = rows.assign(version="7", latency_ms=19.0, status="200", sampled=0.5)
    tables: dict[str, list[dict[str, Any]]] = {"legacy": [], "gateway": [], "unity": []}
    for at, (request, time, found) in enumerate(requests(rows)):
        generation = ("legacy", "gateway", "unity")[at % 3]
        asked: str | None = json.dumps(mlflow.body(found, at))
        told: str | None = json.dumps({"predictions": [row["output"] for row in found]})
        ours = meant["request_id"] == request
        if at % 60 == 5:  # too long: null with an error code; how many rows it had nobody knows
            asked = told = None
            meant = meant[~(ours & (meant["row_index"] > 0))]
            meant.loc[meant["request_id"] == request, [*FEATURES, "output"]] = None
        elif at % 60 == 7:
            told = json.dumps({"error_code": "INTERNAL_ERROR", "message": "no"})
            meant.loc[ours, "output"], meant.loc[ours, "status"] = None, "500"
        status = 500 if at % 60 == 7 else 200
        if generation == "unity":
            meant.loc[meant["request_id"] == request, "version"] = "unversioned"
            meant.loc[meant["request_id"] == request, "sampled"] = None
        tables[generation].append(_row(generation, request, time, status, asked, told))
    for name, table in tables.items():
        made = pa.Table.from_pylist(table, schema=_SCHEMAS.get(name))
        if name == "gateway":  # a Delta table that was compacted: what it replaced still lies beside it
            for half in (made.slice(0, len(made) // 2), made.slice(len(made) // 2)):
                write_deltalake(folder / name, half, mode="append")
            DeltaTable(folder / name).optimize.compact()
        else:
            pq.write_table(made, folder / f"{name}.parquet")
    return meant


def _row(
    generation: str, request: str, time: Any, status: int, asked: str | None, told: str | None
) -> dict[str, Any]:  # fmt: skip
    lost = ["MAX_REQUEST_SIZE_EXCEEDED"] if asked is None else []
    if generation == "legacy":
        return {
            "databricks_request_id": f"d-{request}", "client_request_id": request, "date": time.date(),
            "timestamp_ms": int(time.timestamp() * 1000), "status_code": status, "sampling_fraction": 0.5,
            "execution_time_ms": 19, "request": asked, "response": told,
            "request_metadata": {"model_name": "churn", "model_version": "7", "endpoint_name": "churn-e"},
        }  # fmt: skip
    if generation == "gateway":
        return {
            "databricks_request_id": request, "request_date": time.date(), "client_request_id": None,
            "request_time": time, "status_code": str(status), "sampling_fraction": 0.5,
            "execution_duration_ms": 19, "request": asked, "response": told, "logging_error_codes": lost,
            "served_entity_id": "7", "requester": "somebody",
        }  # fmt: skip
    return {
        "invocation_id": request, "event_time": time, "status_code": status, "latency_ms": 19,
        "logging_error_codes": lost, "request": asked, "response": told,
    }  # fmt: skip


_SCHEMAS = {
    "legacy": pa.schema(
        [
            ("databricks_request_id", pa.string()), ("client_request_id", pa.string()), ("date", pa.date32()),
            ("timestamp_ms", pa.int64()), ("status_code", pa.int32()), ("sampling_fraction", pa.float64()),
            ("execution_time_ms", pa.int64()), ("request", pa.string()), ("response", pa.string()),
            ("request_metadata", pa.map_(pa.string(), pa.string())),
        ]
    )
}  # fmt: skip
