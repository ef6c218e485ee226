"""What readers share whose records hold request and response together, as texts of JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from collectors.payloads import MisfitError, answers_of, decoded, features_of, lines_of
from collectors.sources._payloads import Place, asked
from core.text import gettext as _

_BATCH = 512
"""Rows of a table that are held at once: each may bring a payload of some megabytes."""


def rows_of(
    request: Any, response: Any, *, feature_names: Sequence[str] = (), output_names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the rows of one call; an answer that is missing, as of a failed call, leaves its columns out.

    Raises:
        MisfitError: either is not what it says, or they do not fit together.
    """
    body = _read(request)
    if body is None:
        raise MisfitError(_("the request was not kept"))
    rows = [asked(row) for row in features_of(body, feature_names)]
    told = _read(response)
    if told is None or (isinstance(told, Mapping) and set(told) <= {"error_code", "message", "stack_trace"}):
        return rows
    answers = answers_of(told, len(rows), output_names)
    return [{**row, **answer} for row, answer in zip(rows, answers, strict=True)]


def table_records(file: BinaryIO, place: Place) -> Iterator[tuple[int, Any]]:
    """Cut an exported table into its rows: Parquet, else JSON Lines."""
    if not place.path.lower().endswith((".parquet", ".pq")):
        for offset, line in lines_of(file):
            yield offset, line if line is None or line.strip() else {}
        return
    at = 0
    for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH):
        for row in batch.to_pylist(maps_as_pydicts="lossy"):
            yield at, row
            at += 1


def _read(text: Any) -> Any:
    return decoded(text) if isinstance(text, str | bytes) else text


def first(record: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the first of some keys' values that is there; None without any."""
    return next((record[key] for key in keys if record.get(key) is not None), None)


def told_of(
    record: Mapping[str, Any], latencies: Iterable[str], statuses: Iterable[str], versions: Iterable[str],
    models: Iterable[str],
) -> dict[str, Any]:  # fmt: skip
    """Return what a call's record says of latency, status, version and model."""
    latency, status = first(record, latencies), first(record, statuses)
    version, model = first(record, versions), first(record, models)
    return {
        "latency_ms": None if latency is None else float(latency),
        "status": None if status is None else str(status),
        "version": None if version is None else str(version),
        "model": None if model is None else str(model),
    }
