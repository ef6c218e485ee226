"""SageMaker Data Capture: JSON Lines below <endpoint>/<variant>/yyyy/mm/dd/hh/, and its ground truth.

A record without a label is one request with its answer, of one row or of several; one with `groundTruthData`
is a label, known since the hour of its folder. SageMaker captures neither status nor latency.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from collectors.payloads import MisfitError, answers_of, decoded, features_of, unpacked
from collectors.sources._payloads import PayloadOptions, PayloadSource, Place, asked, time_of
from core.text import gettext as _


class Options(PayloadOptions):
    """`path`, and the names of what CSV payloads do not name."""


class Source(PayloadSource):
    """Captured requests, or labels; `request_id` is the inference id if there is one, else the event id."""

    patterns = ("**/*.jsonl",)

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for the keys of a capture or of a label."""
        return b'"eventMetadata"' in head and (b'"captureData"' in head or b'"groundTruthData"' in head)

    @classmethod
    def holds_labels(cls, head: bytes) -> bool:
        """Labels lie in files of their own."""
        return b'"captureData"' not in head

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one line."""
        event = decoded(record)
        about = event["eventMetadata"]
        own: dict[str, Any] = {"request_id": str(about.get("inferenceId") or about["eventId"])}
        hour, endpoint, variant = _layout(place.folders)
        if "groundTruthData" in event:
            if hour is None:
                raise MisfitError(_("its folder names no hour (yyyy/mm/dd/hh)"))
            truth = event["groundTruthData"]
            labels = features_of(unpacked(truth["data"], truth["encoding"]), ["label"])
            return [{**own, "event_time": hour, **label} for label in labels]
        capture = event["captureData"]
        own |= {"event_time": time_of(about["inferenceTime"]), "endpoint": endpoint, "version": variant}
        came, went = _body(capture.get("endpointInput")), _body(capture.get("endpointOutput"))
        rows = [asked(row) for row in features_of(came, self.options.feature_names)] if came != "" else None
        if went == "":
            return [{**own, **row} for row in rows or [{}]]
        told = answers_of(_plain(went), None if rows is None else len(rows), self.options.output_names)
        return [
            {**own, **row, **answer} for row, answer in zip(rows or [{} for _one in told], told, strict=True)
        ]


def _body(part: Mapping[str, Any] | None) -> Any:
    """Return what one side of a capture holds; '' where it was not captured."""
    if part is None or part.get("data") is None:
        return ""
    return unpacked(part["data"], part["encoding"], str(part.get("observedContentType") or ""))


def _plain(body: Any) -> Any:
    """Take a CSV of one value in each row for a list of values, or one row of values for their list."""
    if isinstance(body, list) and body and all(isinstance(row, list) and len(row) == 1 for row in body):
        return [row[0] for row in body]
    return body


@lru_cache(maxsize=64)
def _layout(folders: tuple[str, ...]) -> tuple[datetime | None, str | None, str | None]:
    """Return hour, endpoint and variant as the folders above a file name them."""
    try:
        year, month, day, hours = (int(part) for part in folders[-4:])
        hour = datetime(year, month, day, hours, tzinfo=UTC)
    except (ValueError, TypeError):
        return None, None, None
    return hour, *(folders[-6:-4] if len(folders) >= 6 else (None, None))
