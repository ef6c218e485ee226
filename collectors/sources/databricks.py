"""Databricks inference tables, exported or where they lie: three generations, told by their columns.

Requests are MLflow scoring bodies, answered by position. Delivery is best effort: failed calls may be
missing, so the share of errors is a lower bound. A payload that was too long is not kept; its call is counted
without features.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from collectors.payloads import decoded
from collectors.sources._payload_tables import TableOptions, TablePayloads
from collectors.sources._payloads import Place, time_of
from collectors.sources._scoring import first, rows_of, told_of

_IDS = ("client_request_id", "databricks_request_id", "invocation_id", "request_id")
_TIMES = ("request_time", "timestamp_ms", "event_time")
_LATENCIES = ("execution_duration_ms", "execution_time_ms", "latency_ms")
_VERSIONS = ("model_version", "served_entity_id", "served_entity_name")
_MODELS = ("model_name", "endpoint_name")
_MARKS = (b"databricks_request_id", b"invocation_id")


class Options(TableOptions):
    """`path` of the exported table, or `url` (or `connection` beside it) with `table` or `query`."""


class Source(TablePayloads):
    """The rows of an inference table, each with one row or more of a scoring body."""

    patterns = ("**/*.parquet", "**/*.jsonl", "**/*.json")
    days = ("request_date", "date", "request_time", "event_time")

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for the columns that every generation has one of."""
        return any(mark in head for mark in _MARKS) and b"status_code" in head

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one call."""
        call = dict(decoded(record) if isinstance(record, bytes) else record)
        call |= dict(call.pop("request_metadata", None) or {})
        share = call.get("sampling_fraction")
        own = {
            "request_id": str(first(call, _IDS)),
            "event_time": time_of(first(call, _TIMES), self.setting.zone),
            "endpoint": call.get("endpoint_name") or None,
            **told_of(call, _LATENCIES, ("status_code",), _VERSIONS, _MODELS),
        } | ({} if share is None else {"sampled": float(share)})  # fmt: skip
        if call.get("request") is None:
            return [own]
        rows = rows_of(
            call["request"], call.get("response"), feature_names=self.options.feature_names,
            output_names=self.options.output_names,
        )  # fmt: skip
        return [{**own, **row} for row in rows]
