"""Seldon Core 1: CloudEvents of its request logger, one a line, or the documents of the stock logger.

Request and answer are paired by `requestid`. An event's time is when it was sent, so a latency from it is
approximate. Feedback events are ground truth: read as such, `label` is the truth that was sent, `reward` its
reward.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sqlglot import exp

from collectors.expressions import raw
from collectors.payloads import MisfitError, answers_of, features_of
from collectors.sources._pairs import ANSWER, REQUEST, PairOptions, PairSource, payload_of
from collectors.sources._payloads import EXACT, PART, Place, asked, time_of
from collectors.sources.base import Span
from core.text import gettext as _

FEEDBACK = "feedback"


class Options(PairOptions):
    """`path` of CloudEvents in JSON Lines, or of exported documents."""


class Source(PairSource):
    """Inference requests of Seldon, with Seldon, V1 or V2 payloads; as a ground truth their feedback."""

    patterns = ("**/*.jsonl", "**/*.ndjson", "**/*.json")
    types: ClassVar = {"inference.request": REQUEST, "inference.response": ANSWER, FEEDBACK: FEEDBACK}

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for Seldon's types of events, or its logger's fields."""
        return b"io.seldon.serving" in head or (b'"ServingEngine"' in head and b'"RequestId"' in head)

    @classmethod
    def holds_labels(cls, head: bytes) -> bool:
        """Tell feedback kept apart."""
        return b"serving.inference" not in head and b"ServingEngine" not in head

    def event_id(self, event: Mapping[str, Any]) -> str:
        """Return the id of the request, not that of the event."""
        return str(event["requestid"])

    def event_rows(self, event: Mapping[str, Any], place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of an event, or of a document; feedback is read as ground truth alone."""
        if isinstance(event.get("_source"), Mapping):
            (event,) = self.events(dict(event["_source"]) | {"_id": event.get("_id")})
        if "servingengine" in event:
            return self._document(event)
        if not str(event.get("type", "")).lower().endswith(FEEDBACK):
            return [] if self._is_truth else super().event_rows(event, place)
        return self._feedback(event) if self._is_truth else []

    def relation(self, span: Span = (None, None)) -> exp.Expression:
        """Read the feedback for a ground truth, else the requests beside their answers."""
        if not self._is_truth:
            return super().relation(span)
        feedback = raw(f"(SELECT * FROM {self.reader_of(self._good(span), FEEDBACK)}) AS feedback")
        return self.picked(feedback)

    @property
    def _is_truth(self) -> bool:
        return self.setting.use == "ground_truth"

    def _feedback(self, event: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        body = payload_of(event)
        own = {PART: FEEDBACK, "request_id": self.event_id(event), "event_time": time_of(event["time"])}
        reward = body.get("reward")
        if "truth" not in body:
            return [{**own, "label": None, "reward": reward}]
        labels = features_of(body["truth"], ["label"])
        return [{**own, "row_index": at, "reward": reward, **row} for at, row in enumerate(labels)]

    def _document(self, event: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Return the sides that a document of one row holds."""
        if self._is_truth:
            return
        tail = str(event.get("_id") or "").rpartition("-item-")[2]
        own = {
            "request_id": self.event_id(event), "row_index": int(tail) if tail.isdigit() else 0,
            "model": event.get("inferenceservicename") or None, "endpoint": event.get("endpoint") or None,
        }  # fmt: skip
        for part in (REQUEST, ANSWER):
            side = event.get("request" if part == REQUEST else "response")
            if not isinstance(side, Mapping):
                continue
            said = side.get("ce-time")
            time = time_of(said or event["@timestamp"])
            held = side.get("elements") if isinstance(side.get("elements"), Mapping) else side.get("instance")
            if held is None:
                raise MisfitError(_("it has no payload"))
            found = features_of(held, self.options.feature_names) if part == REQUEST else answers_of(held, 1)
            if len(found) != 1:
                raise MisfitError(_("it holds more than one row"))
            values = asked(found[0]) if part == REQUEST else found[0]
            yield {**own, PART: part, "event_time": time, EXACT: said is not None, **values}
