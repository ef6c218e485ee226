"""KServe's logger: requests and answers apart, V1 and V2, single blobs and batches, some unanswered."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tests.collectors.formats.made import FEATURES, requests, stamp

SAYS: dict[str, Any] = {}
USES = {
    "id": "request_id", "row_index": "row_index", "time": "event_time", "version": "version",
    "latency_ms": "latency_ms", "status": "status",
}  # fmt: skip
SCORE = "output.proba"
BATCH = 100


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write batches of events, and some one by one; return the rows as they are meant."""
    place = folder / "blobs" / "prod" / "churn" / "predictor"
    place.mkdir(parents=True)
    meant = rows.rename(columns={"output": SCORE}).assign(version="7", latency_ms=19.0, status="ok")
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for at, (request, time, found) in enumerate(requests(rows)):
        asked.append(_event(request, "request", time, _v2(found) if at % 2 else _v1(found)))
        if at % 40 == 7:  # it failed, so its answer was never logged
            ours = meant["request_id"] == request
            meant.loc[ours, "latency_ms"], meant.loc[ours, "status"] = None, "unanswered"
            meant.loc[ours, SCORE] = None
        else:
            body = {
                "id": request, "model_name": "churn", "model_version": "7",
                "outputs": [{"name": "proba", "datatype": "FP64", "shape": [len(found), 1],
                             "data": [row["output"] for row in found]}],
            }  # fmt: skip
            answered.append(_event(request, "response", time + timedelta(milliseconds=19), body))
    _put(place, "request", asked)
    _put(place, "response", answered)
    return meant


def _put(place: Path, kind: str, events: list[dict[str, Any]]) -> None:
    for at in range(0, len(events), BATCH):
        batch = events[at : at + BATCH]
        if at == 0:
            for one in batch:
                (place / f"{one['id']}-{kind}.json").write_text(json.dumps(one))
        elif at == BATCH:  # CloudEvents in structured mode, one a line
            lines = [json.dumps(_structured(one, kind)) for one in batch]
            (place / f"{batch[0]['id']}-{kind}.jsonl").write_text("\n".join(lines) + "\n")
        else:
            (place / f"{batch[0]['id']}-{kind}.json").write_text(json.dumps(batch))


def _event(request: str, kind: str, time: Any, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "url": {"Scheme": "s3", "Host": "bucket"},
        "bytes": base64.b64encode(json.dumps(body).encode()).decode(),
        "contentType": "application/json", "reqType": kind, "id": request, "sourceUri": {"Host": "x"},
        "inferenceService": "churn", "namespace": "prod", "component": "predictor", "endpoint": "",
        "metadata": {}, "annotations": {}, "occurrenceTime": stamp(time),
    }  # fmt: skip


def _structured(one: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": one["id"], "type": f"org.kubeflow.serving.inference.{kind}",
        "source": "http://localhost", "time": one["occurrenceTime"], "inferenceservicename": "churn",
        "datacontenttype": "application/json", "data": json.loads(base64.b64decode(one["bytes"])),
    }  # fmt: skip


def _v1(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"instances": [{key: row[key] for key in FEATURES} for row in found]}


def _v2(found: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = {"age": "INT64", "amount": "FP64", "plan": "BYTES"}
    return {
        "inputs": [
            {"name": key, "shape": [len(found)], "datatype": kinds[key], "data": [row[key] for row in found]}
            for key in FEATURES
        ]
    }
