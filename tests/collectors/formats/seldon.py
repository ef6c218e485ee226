"""Seldon Core 1: CloudEvents paired by `requestid`, documents of the stock logger, and feedback."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tests.collectors.formats.made import FEATURES, requests, stamp

SAYS: dict[str, Any] = {}
USES = {
    "id": "request_id", "row_index": "row_index", "time": "event_time", "latency_ms": "latency_ms",
    "status": "status",
}  # fmt: skip
SCORE = "output.proba"


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write events and documents; return the rows as they are meant."""
    folder.mkdir()
    meant = rows.rename(columns={"output": SCORE}).assign(latency_ms=8.0, status="ok")
    events: list[str] = []
    documents: list[str] = []
    for at, (request, time, found) in enumerate(requests(rows)):
        later = time + timedelta(milliseconds=8)
        if at % 3 == 0:
            documents += [json.dumps(_document(request, time, later, row)) for row in found]
            continue
        asked: dict[str, Any] = {
            "data": {"names": list(FEATURES), "ndarray": [[r[k] for k in FEATURES] for r in found]}
        }
        values = [row["output"] for row in found]
        tensor = {"shape": [len(found), 1], "values": values}
        told = {
            "data": {"names": ["proba"], "tensor": tensor}
            if at % 2
            else {"names": ["proba"], "ndarray": [[x] for x in values]}
        }
        events.append(json.dumps(_event(request, "request", time, asked)))
        events.append(json.dumps(_event(request, "response", later, told)))
    (folder / "events.jsonl").write_text("\n".join(events) + "\n")
    (folder / "documents.ndjson").write_text("\n".join(documents) + "\n")
    return meant


def labels(truth: pd.DataFrame, folder: Path) -> None:
    """Write labels as feedback events."""
    lines = []
    for request, found in truth.groupby("request_id", sort=False):
        body = {"truth": {"data": {"ndarray": [[int(x)] for x in found["label"]]}}, "reward": 1}
        event = {
            "CE-Type": "io.seldon.serving.feedback", "CE-Requestid": request, "CE-Id": f"f-{request}",
            "CE-Time": stamp(found["known_at"].max().to_pydatetime()), "data": body,
        }  # fmt: skip
        lines.append(json.dumps(event))
    (folder / "feedback").mkdir()
    (folder / "feedback" / "a.jsonl").write_text("\n".join(lines) + "\n")


def _event(request: str, kind: str, time: Any, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "CE-Type": f"io.seldon.serving.inference.{kind}", "CE-Requestid": request,
        "CE-Id": f"{kind}-{request}",
        "CE-Modelid": "classifier", "CE-Inferenceservicename": "churn", "CE-Time": stamp(time),
        "datacontenttype": "application/json", "data": body,
    }  # fmt: skip


def _document(request: str, time: Any, later: Any, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "_index": "inference-log-seldon-prod-churn-default", "_id": f"{request}-item-{row['row_index']}",
        "_source": {
            "@timestamp": stamp(time), "RequestId": request, "ServingEngine": "seldon",
            "Ce-Inferenceservicename": "churn", "Ce-Modelid": "classifier", "Ce-Namespace": "prod",
            "request": {"elements": {k: row[k] for k in FEATURES}, "instance": [row[k] for k in FEATURES],
                        "dataType": "tabular", "ce-time": stamp(time)},
            "response": {"elements": {"proba": row["output"]}, "instance": [row["output"]],
                         "ce-time": stamp(later)},
        },
    }  # fmt: skip
