"""What readers share whose requests and answers are records apart: CloudEvents, paired by their id.

A request that nobody answered in time is counted with the status `unanswered`, which is no error; it belongs
to the version that answered before it. An answer whose request was not logged is a row without features.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from sqlglot import exp

from collectors.expressions import raw
from collectors.landing import OWN
from collectors.payloads import MisfitError, answers_of, body_of, decoded, features_of, unbased
from collectors.sources._payloads import EXACT, PART, PayloadOptions, PayloadSource, Place, asked, time_of
from collectors.sources.base import Span
from core.config.values import Duration
from core.profile import UNANSWERED
from core.text import gettext as _

REQUEST, ANSWER = "request", "answer"


class PairOptions(PayloadOptions):
    """`path`, and how long an answer may take before a request counts as unanswered."""

    timeout: Duration = timedelta(minutes=5)


class PairSource(PayloadSource):
    """Events of requests and of answers, paired by `request_id` and row."""

    types: ClassVar[Mapping[str, str]]
    """What of an event's type tells a part: by its end, `request` or `answer`."""

    @property
    def timeout(self) -> timedelta:
        """Return how long an answer may take."""
        assert isinstance(self.setting.options, PairOptions)
        return self.setting.options.timeout

    def lead(self, part: str) -> timedelta:
        """An answer tells of a request that came before it."""
        return self.timeout if part == ANSWER else timedelta()

    def is_counted(self, part: str) -> bool:
        """An answer belongs to its request's row."""
        return part != ANSWER

    def events(self, record: Any) -> Iterable[Mapping[str, Any]]:
        """Return the events of a record, their keys in small letters and without `ce-`."""
        found = record if isinstance(record, Mapping) else decoded(record)
        for event in found if isinstance(found, list) else [found]:
            yield {
                str(key).lower().removeprefix("ce-").removeprefix("ce_"): value
                for key, value in event.items()
            }

    def event_id(self, event: Mapping[str, Any]) -> str:
        """Return what request and answer have in common."""
        return str(event["id"])

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of a record's events."""
        return [row for event in self.events(record) for row in self.event_rows(event, place)]

    def event_rows(self, event: Mapping[str, Any], place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one event."""
        said = str(event.get("type") or event.get("reqtype") or "")
        part = next((part for end, part in self.types.items() if said.lower().endswith(end)), None)
        if part is None:
            raise MisfitError(_("the type {name} of its event is not known").format(name=repr(said[:60])))
        when = event.get("time") or event.get("occurrencetime")
        body = payload_of(event)
        own: dict[str, Any] = {
            PART: part, "request_id": self.event_id(event), EXACT: when is not None,
            "event_time": place.changed if when is None else time_of(when),
            "endpoint": event.get("endpoint") or None,
            "model": next((event[key] for key in _MODEL if event.get(key)), None),
        }  # fmt: skip
        if part == REQUEST:
            found = [asked(row) for row in features_of(body, self.options.feature_names)]
        else:
            own |= {"version": _version(body), "status": event.get("statuscode")}
            found = [dict(row) for row in answers_of(body, None, self.options.output_names)]
        return [{**own, "row_index": at, **row} for at, row in enumerate(found)]

    def uses(self) -> Mapping[str, str]:
        """Add what pairing tells."""
        return {**super().uses(), "status": "status", "latency_ms": "latency_ms"}

    def relation(self, span: Span = (None, None)) -> exp.Expression:
        """Read the requests that touch `span` beside their answers."""
        first, end = span
        files = self._good(
            (None if first is None else first - self.timeout, None if end is None else end + self.timeout)
        )
        return self.picked(raw(f"({self._paired(files)}) AS paired"))

    def _paired(self, files: Sequence[str]) -> str:
        held = {part: self._columns_of(files, part) for part in (REQUEST, ANSWER)}
        parts = {part: self.reader_of(files, part) for part in held}
        made = []
        for info in self.columns():
            name = exp.to_identifier(info.name, quoted=True).sql("duckdb")
            sides = [side for side, part in (("q", REQUEST), ("a", ANSWER)) if info.name in held[part]]
            if info.name in _MADE:
                made.append(f"{_MADE[info.name]} AS {info.name}")
            elif info.name in OWN:
                made.append(f"coalesce(a.{name}, q.{name}) AS {name}")
            else:
                value = f"{sides[0]}.{name}" if sides else "CAST(NULL AS VARCHAR)"
                made.append(f"{value} AS {name}")
        millis = self.timeout // timedelta(milliseconds=1)
        once = "QUALIFY row_number() OVER (PARTITION BY request_id, row_index ORDER BY event_time) = 1"
        return (
            f"SELECT {', '.join(made)} FROM {parts[REQUEST]} AS q FULL JOIN"
            f" (SELECT * FROM {parts[ANSWER]} {once}) AS a ON q.request_id = a.request_id"
            f" AND q.row_index = a.row_index AND"
            f" coalesce(abs(date_diff('millisecond', q.event_time, a.event_time)) <= {millis}, true)"
        )

    def _columns_of(self, files: Sequence[str], part: str) -> set[str]:
        return {name for path in files for name in self._land(path).names.get(part, ())}


_MODEL = ("inferenceservicename", "inferenceservice", "modelid")
_EXACT_BOTH = f"q.{EXACT} = 'true' AND a.{EXACT} = 'true'"
_MILLIS = "(epoch_us(a.event_time) - epoch_us(q.event_time)) / 1000.0"
_MADE = {
    "request_id": "coalesce(q.request_id, a.request_id)",
    "row_index": "coalesce(q.row_index, a.row_index)",
    "event_time": "coalesce(q.event_time, a.event_time)",
    "latency_ms": f"CASE WHEN {_EXACT_BOTH} THEN {_MILLIS} END",
    "status": f"CASE WHEN a.request_id IS NULL THEN '{UNANSWERED}' ELSE coalesce(a.status, 'ok') END",
    "version": (
        "coalesce(a.version, last_value(a.version IGNORE NULLS) OVER (ORDER BY q.event_time),"
        " first_value(a.version IGNORE NULLS) OVER (ORDER BY q.event_time"
        " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))"
    ),
}
"""How the columns that both events have a say in are made."""


def payload_of(event: Mapping[str, Any]) -> Any:
    """Return an event's payload: plain, as text, or in base64."""
    kind = str(event.get("datacontenttype") or event.get("contenttype") or event.get("content-type") or "")
    for key in ("data_base64", "bytes"):
        if isinstance(event.get(key), str):
            return body_of(unbased(event[key]), kind)
        if isinstance(event.get(key), bytes):
            return body_of(event[key], kind)
    data = event.get("data", event.get("payload"))
    if data is None:
        raise MisfitError(_("it has no payload"))
    return body_of(data.encode(), kind) if isinstance(data, str) else data


def _version(body: Any) -> str | None:
    """Return the version that a V2 answer names."""
    named = body.get("model_version") if isinstance(body, Mapping) else None
    return None if named is None else str(named)
