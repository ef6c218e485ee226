"""Calls of MLflow's scoring server (`/invocations`), logged as JSON Lines by whatever stands before it.

MLflow writes no prediction log itself. Each line holds the request and the response as it takes and gives
them (`dataframe_records`, `dataframe_split`, `instances` or `inputs`; `predictions`), and beside them what is
known of the call: `request_id`, `time`, and if there are any `latency_ms`, `status`, `version`, `model`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from collectors.payloads import decoded
from collectors.sources._payloads import PayloadOptions, PayloadSource, Place, time_of
from collectors.sources._scoring import first, rows_of, told_of

_IDS = ("request_id", "client_request_id", "trace_id", "id")
_TIMES = ("time", "request_time", "timestamp", "timestamp_ms")
_LATENCIES = ("latency_ms", "execution_time_ms", "execution_duration_ms")
_STATUSES = ("status", "status_code")
_VERSIONS = ("version", "model_version")
_MODELS = ("model", "model_name")
_BODIES = (b'"dataframe_split"', b'"dataframe_records"', b'"instances"', b'"inputs"')


class Options(PayloadOptions):
    """`path` of the calls in JSON Lines."""


class Source(PayloadSource):
    """Scoring calls with their answers."""

    patterns = ("**/*.jsonl", "**/*.ndjson")

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for a scoring body beside its answer."""
        plain = head.replace(b"\\", b"")
        pair = b'"request"' in head and b'"response"' in head
        return pair and b'"predictions"' in plain and any(body in plain for body in _BODIES)

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one call."""
        call = decoded(record)
        request = first(call, _IDS)
        own = {
            "request_id": None if request is None else str(request),
            "event_time": time_of(first(call, _TIMES), self.setting.zone),
            **told_of(call, _LATENCIES, _STATUSES, _VERSIONS, _MODELS),
        }
        rows = rows_of(
            call.get("request"), call.get("response"), feature_names=self.options.feature_names,
            output_names=self.options.output_names,
        )  # fmt: skip
        return [{**own, **row} for row in rows]
