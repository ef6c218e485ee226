"""SageMaker Data Capture: CSV and JSON, plain and in base64, several rows under one event id."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

from tests.collectors.formats.made import FEATURES, requests, stamp

SAYS = {"feature_names": list(FEATURES)}
USES = {"id": "request_id", "row_index": "row_index", "time": "event_time", "version": "version"}


def write(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write one file an hour; return the rows as they are meant."""
    files: dict[Path, list[str]] = {}
    for at, (request, time, found) in enumerate(requests(rows)):
        inner = {"eventId": f"e-{at}", "inferenceId": request} if at % 2 else {"eventId": request}
        captured = {"endpointInput": _asked(found, at), "endpointOutput": _answered(found, at)}
        event: dict[str, Any] = {
            "captureData": captured, "eventMetadata": {**inner, "inferenceTime": stamp(time)[:19] + "Z"},
            "eventVersion": "0",
        }  # fmt: skip
        hour = folder / "capture" / "churn-endpoint" / "v1" / f"{time:%Y/%m/%d/%H}"
        files.setdefault(hour / "part-0.jsonl", []).append(json.dumps(event))
    for path, lines in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return rows.assign(version="v1")


def labels(truth: pd.DataFrame, folder: Path) -> None:
    """Write labels below the hour in which they were collected, those of a request together."""
    files: dict[Path, list[str]] = {}
    for request, found in truth.groupby("request_id", sort=False):
        time = found["known_at"].max()
        data = "\n".join(str(label) for label in found["label"])
        event = {
            "groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": request},
            "eventVersion": "0",
        }  # fmt: skip
        place = folder / "logs" / "labels" / f"{time:%Y/%m/%d/%H}" / "truth.jsonl"
        files.setdefault(place, []).append(json.dumps(event))
    for path, lines in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


def _asked(found: list[dict[str, Any]], at: int) -> dict[str, str]:
    if at % 3 == 0:  # JSON that the capture was not told of is kept in base64
        body = json.dumps({"instances": [{key: row[key] for key in FEATURES} for row in found]})
        return _side("application/json", "INPUT", base64.b64encode(body.encode()).decode(), "BASE64")
    if at % 3 == 1:
        body = json.dumps([[row[key] for key in FEATURES] for row in found])
        return _side("application/json", "INPUT", body, "JSON")
    return _side("text/csv", "INPUT", _csv([[row[key] for key in FEATURES] for row in found]), "CSV")


def _answered(found: list[dict[str, Any]], at: int) -> dict[str, str]:
    scores = [row["output"] for row in found]
    if at % 2:
        return _side("text/csv; charset=utf-8", "OUTPUT", _csv([[score] for score in scores]), "CSV")
    body = json.dumps({"predictions": scores})
    return _side("application/json", "OUTPUT", base64.b64encode(body.encode()).decode(), "BASE64")


def _side(kind: str, mode: str, data: str, encoding: str) -> dict[str, str]:
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def _csv(rows: list[list[Any]]) -> str:
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([["" if x is None else x for x in row] for row in rows])
    return made.getvalue().rstrip("\n")
