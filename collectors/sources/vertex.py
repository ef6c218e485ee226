"""Vertex AI request-response logging, in BigQuery or exported from it: schema v1 and v2.

Instances and answers are paired by position. The log names no status and, in v1, no latency; the id that ties
a prediction to its label has to be in the instance itself (`columns: {id: …}`).
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from collectors.payloads import MisfitError, decoded
from collectors.sources._payload_tables import TableOptions, TablePayloads
from collectors.sources._payloads import Place, time_of
from collectors.sources._scoring import rows_of
from core.text import gettext as _


class Options(TableOptions):
    """`path` of the exported table, or `url` (or `connection` beside it) with `table` or `query`."""


class Source(TablePayloads):
    """The instances of the logged requests."""

    patterns = ("**/*.parquet", "**/*.jsonl", "**/*.json")
    days = ("logging_time",)

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for the columns of the log."""
        return b"logging_time" in head and (b"request_payload" in head or b"full_request" in head)

    def uses(self) -> Mapping[str, str]:
        """Leave the id open: what the log calls one is nobody's own."""
        return {use: name for use, name in super().uses().items() if use not in ("id", "row_index")}

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one request."""
        call = decoded(record) if isinstance(record, bytes) else record
        about = _object(call.get("metadata"))
        latency = about.get("request_latency")
        request = call.get("request_id")
        own = {
            "request_id": str(int(request) if isinstance(request, Decimal | float) else request),
            "event_time": time_of(call["logging_time"]), "endpoint": call.get("endpoint"),
            "version": call.get("model_version") or call.get("deployed_model_id"),
            "model": call.get("model"), "latency_ms": None if latency is None else float(latency),
        }  # fmt: skip
        names = {"feature_names": self.options.feature_names, "output_names": self.options.output_names}
        if call.get("full_request") is not None:
            return [
                {**own, **row} for row in rows_of(call["full_request"], call.get("full_response"), **names)
            ]
        asked, answered = _texts(call["request_payload"]), _texts(call.get("response_payload"))
        if answered and len(answered) != len(asked):
            said = _("it answers {m} rows where {n} were asked")
            raise MisfitError(said.format(m=len(answered), n=len(asked)))
        pairs = zip(asked, answered or [None] * len(asked), strict=True)
        return [{**own, **row} for one, other in pairs for row in rows_of(one, other, **names)]


def _texts(found: Any) -> Sequence[Any]:
    """Return the elements of an array, also of one that an export wrote as objects."""
    if isinstance(found, Mapping):
        found = [item.get("element", item.get("v")) for item in found.get("list", found.get("v", []))]
    return [] if found is None else list(found)


def _object(found: Any) -> Mapping[str, Any]:
    read = decoded(found) if isinstance(found, str) else found
    return read if isinstance(read, Mapping) else {}
