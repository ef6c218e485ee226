"""Guess what each column of a log is for, and what its model answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from collectors.landing import OWN
from collectors.payloads import is_output
from core.config.model import Task
from core.roles import Role
from core.text import gettext as _
from goalkeeper.init.platform import Found, find, sample_of
from goalkeeper.init.sample import Facts, read_sample

MOST_CLASSES = 50
_POSITIVE = (
    "true",
    "1",
    "yes",
    "y",
    "t",
    "positive",
    "pos",
    "converted",
    "churned",
    "fraud",
    "success",
    "won",
)
_TRUTHS = {frozenset({"0", "1"}), frozenset({"true", "false"}), frozenset({"1"}), frozenset({"true"})}
_SEGMENTS = (
    "region", "country", "city", "state", "segment", "channel", "campaign", "platform", "device", "plan",
    "tier", "product", "market", "language", "source", "group", "origin", "carrier", "store", "contact",
    "category",
)  # fmt: skip
_PREFIX = re.compile(r"^(p|prob|proba|probability|score)_(.+)$", re.IGNORECASE)
_CLASSES_OF_TWO = frozenset({"0", "1", "yes", "no", "true", "false", "positive", "negative"})

_USES: Mapping[str, Sequence[str]] = {
    "id": (
        r"(prediction|request|event|call|trace|inference|log)_?id", r"u?uid|id", r".*_id", r".*_key|key|.*id",
    ),
    "row_index": (r"row_(index|idx|number)", r"item_(index|idx)", r"position"),
    "time": (
        r"(prediction|predicted|event|request|requested|called|scored|inference)_?(at|time|ts|timestamp)",
        r"timestamp|ts|time|datetime|date_?time",
        r"created_?at|date|day|.*_(at|time|ts|timestamp|date)",
    ),
    "arrived": (r"(arrived|ingested|loaded|inserted|received|landed)(_at|_time|_ts)?",),
    "version": (r"model_?version|version|model_ver|.*_version", r"model_(id|name|tag)|model"),
    "role": (r"role|traffic_role|arm|variant|traffic",),
    "latency_ms": (
        r"latency_?ms|.*latency.*_?ms",
        r"(duration|elapsed|took|response_time|inference_time)_?ms",
        r"latency",
    ),
    "status": (r"status|status_code|http_status|response_code|http_code|response_status",),
    "sampled": (r"sampled|sample_rate|sampling_rate|sample_share",),
    "label": (
        r"label|target|y_true|ground_truth|actual|truth",
        r"y|outcome|actual_.*|.*_(label|actual|outcome)",
        r"converted|churned|defaulted|is_fraud|fraud|clicked|purchased|bought|delayed|subscribed",
    ),
    "score": (
        r"score|y_score|proba?|probability|y_proba?|p",
        r"p_.*|prob_.*|proba_.*|.*_(score|proba?|probability)",
        r"confidence|propensity",
    ),
    "prediction": (
        r"prediction|predicted|pred|y_pred|y_hat|yhat",
        r"predicted_.*|pred_.*|.*_(pred|prediction)",
        r"decision|forecast|estimate|output|offered",
    ),
}  # fmt: skip
"""Uses in the order in which they take their column; of the patterns of one the first that fits wins."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What `goalkeeper init` found in a sample.

    `uses` maps use to column (`score` also class to column), the label left out: it belongs to the truth.
    `rate` is the share of positive labels in the sample, None where it cannot be told. `truth` are files with
    labels of their own. `local`: times name no zone, and the reader asks for one. `unnamed`: payloads name no
    columns. `rows` are some of the sample's, `refused` says which records do not fit and why.
    """

    paths: tuple[str, ...]
    kind: str
    task: Task
    uses: Mapping[str, str | Mapping[str, str]]
    label: str = ""
    positive: str = ""
    rate: float | None = None
    segments: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    naive: bool = False
    first: str = ""
    roles: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    local: bool = False
    unnamed: bool = False
    rows: tuple[Mapping[str, Any], ...] = ()
    refused: tuple[str, ...] = ()

    def read(self) -> list[str]:
        """Return the columns that will be read: those with a use, then the features."""
        used = [one for one in self.uses.values() if isinstance(one, str)]
        several = [name for one in self.uses.values() if not isinstance(one, str) for name in one.values()]
        return [*used, *several, *filter(None, [self.label]), *self.numeric, *self.categorical]


def propose(path: Path) -> Proposal:
    """Read a sample of a log and guess the uses of its columns, the features, the segments and the task.

    Raises:
        SourceError: it cannot be read.
    """
    found = find(path)
    if found is not None:
        return _of_platform(found)
    kind, facts = read_sample(path)
    return _proposal(facts, guess_uses(facts), paths=(str(path),), kind=kind)


def _of_platform(found: Found) -> Proposal:
    """Propose what the format itself says, and guess the rest."""
    sample = sample_of(found)
    uses: dict[str, str | Mapping[str, str]] = dict(sample.uses)
    uses |= guess_outputs(sample.facts, uses)
    if "id" not in uses:
        held = [one for one in sample.facts if one.name not in OWN and not is_output(one.name)]
        named = guess_uses(held).get("id")
        uses |= {"id": "request_id", "row_index": "row_index"} if named is None else {"id": named}
    own = {one.name for one in sample.facts if one.name in OWN or is_output(one.name)}
    facts = [one for one in sample.facts if one.name not in own or one.name in _columns_of(uses)]
    made = _proposal(facts, uses, paths=found.paths, kind=found.kind)
    return replace(
        made, truth=found.truth, local=sample.local, naive=False, rows=sample.rows, refused=sample.refused,
        unnamed=any(re.fullmatch(r"f\d+", one.name) for one in facts),
    )  # fmt: skip


def guess_outputs(
    facts: Sequence[Facts], uses: Mapping[str, str | Mapping[str, str]]
) -> dict[str, str | Mapping[str, str]]:
    """Return the uses of the columns of answers, or of the one that the format calls the prediction.

    Of two shares that belong together (`output_0`, `output_1`) the second is the score, or the one of the
    positive class; three or more are those of as many classes.
    """
    known = uses.get("prediction")
    if isinstance(known, str):
        told = next((one for one in facts if one.name == known), None)
        is_score = told is not None and _within_one(told) and not told.whole
        return {"score": known, "prediction": ""} if is_score else {}
    found: dict[str, str | Mapping[str, str]] = {}
    outputs = [one for one in facts if is_output(one.name)]
    shares = [one for one in outputs if _within_one(one) and not (one.whole and one.distinct > 2)]
    groups: dict[str, dict[str, str]] = {}
    for one in shares:
        head, _sep, tail = one.name.rpartition("_")
        groups.setdefault(head, {})[tail] = one.name
    best = max(groups.values(), key=len, default={})
    if len(best) > 2:
        found["score"] = best
    elif len(best) == 2:
        positive = next((name for name in best if name.lower() in _POSITIVE), list(best)[-1])
        found["score"] = best[positive]
    elif shares:
        found["score"] = shares[0].name
    rest = [one for one in outputs if one not in shares]
    said = [one for one in rest if one.kind in ("text", "boolean") or one.whole]
    if not found:
        said = said or rest
    return found | ({"prediction": said[0].name} if said else {})


def _proposal(
    facts: Sequence[Facts], uses: dict[str, str | Mapping[str, str]], *, paths: tuple[str, ...], kind: str
) -> Proposal:  # fmt: skip
    uses = {use: column for use, column in uses.items() if column}
    by_name = {one.name: one for one in facts}
    label = by_name.get(str(uses.pop("label", "")))
    several = _scores_of_classes(facts)
    if several and not _is_binary(label):
        uses["score"] = several
    task = _task(uses, by_name, label)
    if task is Task.REGRESSION and isinstance(uses.get("score"), str) and "prediction" in uses:
        del uses["score"]
    taken = _columns_of(uses) | ({label.name} if label else set())
    rest = [one for one in facts if one.name not in taken]
    left_out = {one.name: reason for one in rest if (reason := _left_out(one))}
    kept = [one for one in rest if one.name not in left_out]
    positive, rate = _positive(label) if label is not None and task is Task.BINARY else ("", None)
    time = by_name.get(str(uses.get("time", "")))
    role = by_name.get(str(uses.get("role", "")))
    known = {one.value for one in Role}
    return Proposal(
        paths=paths, kind=kind, task=task, uses=uses, label=label.name if label else "", positive=positive,
        rate=rate, segments=_segments(kept), naive=time is not None and time.naive,
        numeric=tuple(one.name for one in kept if one.kind == "number"),
        categorical=tuple(one.name for one in kept if one.kind in ("text", "boolean")),
        left_out=left_out, first=time.first if time is not None else "",
        roles=tuple(word for word in role.levels if word not in known) if role is not None else (),
    )  # fmt: skip


def guess_uses(facts: Sequence[Facts]) -> dict[str, str | Mapping[str, str]]:
    """Return use → column; a column has one use, a use needs a fitting name and fitting values."""
    found: dict[str, str | Mapping[str, str]] = {}
    taken: set[str] = set()
    for use, patterns in _USES.items():
        column = _first_fit(use, patterns, [one for one in facts if one.name not in taken])
        if column is not None:
            found[use] = column.name
            taken.add(column.name)
    if "id" not in found:
        unique = [
            one
            for one in facts
            if one.kind == "text" and one.share == 1.0 and one.n > 20 and one.length <= 64
        ]
        if unique and unique[0].name not in taken:
            found["id"] = unique[0].name
    if "time" not in found:
        times = [one for one in facts if one.kind == "time" and one.name not in taken]
        if times:
            found["time"] = times[0].name
    return found


def _first_fit(use: str, patterns: Sequence[str], facts: Sequence[Facts]) -> Facts | None:
    for pattern in patterns:
        fitting = [one for one in facts if re.fullmatch(pattern, one.name, re.IGNORECASE) and _FITS[use](one)]
        if use == "id":
            fitting.sort(key=lambda one: -one.distinct)
        if fitting:
            return fitting[0]
    return None


def _epoch(one: Facts) -> bool:
    return one.kind == "number" and one.low is not None and one.low > 5e8 and one.whole


def _within_one(one: Facts) -> bool:
    return (
        one.kind == "number"
        and one.low is not None
        and one.high is not None
        and 0 <= one.low <= one.high <= 1
    )


_FITS: Mapping[str, Callable[[Facts], bool]] = {
    "id": lambda one: (one.kind == "text" or (one.kind == "number" and one.whole)) and one.share > 0.5,
    "row_index": lambda one: one.kind == "number" and one.whole,
    "time": lambda one: one.kind == "time" or _epoch(one),
    "arrived": lambda one: one.kind == "time" or _epoch(one),
    "version": lambda one: one.kind in ("text", "number") and bool(one.levels) and one.distinct <= 50,
    "role": lambda one: one.kind == "text" and bool({role.value for role in Role} & set(one.levels)),
    "latency_ms": lambda one: one.kind == "number" and (one.low or 0) >= 0,
    "status": lambda one: bool(one.levels) and one.kind in ("text", "number"),
    "sampled": lambda one: _within_one(one) and (one.low or 0) > 0,
    "label": lambda one: one.kind in ("text", "number", "boolean"),
    "score": lambda one: one.kind == "number" and not (one.whole and one.distinct > 2),
    "prediction": lambda one: one.kind in ("text", "number", "boolean"),
}


def _columns_of(uses: Mapping[str, str | Mapping[str, str]]) -> set[str]:
    found: set[str] = set()
    for column in uses.values():
        found |= {column} if isinstance(column, str) else set(column.values())
    return found


def _scores_of_classes(facts: Sequence[Facts]) -> dict[str, str]:
    """Return class → column where three columns or more, each within 0 … 1, share a prefix such as `p_`."""
    groups: dict[str, dict[str, str]] = {}
    for one in facts:
        match = _PREFIX.match(one.name)
        if match and _within_one(one):
            groups.setdefault(match[1].lower(), {})[match[2]] = one.name
    best = max(groups.values(), key=len, default={})
    return best if len(best) >= 3 and not set(best) <= _CLASSES_OF_TWO else {}


def _is_binary(label: Facts | None) -> bool:
    return label is not None and label.kind != "number" and label.distinct == 2


def _task(
    uses: Mapping[str, str | Mapping[str, str]], facts: Mapping[str, Facts], label: Facts | None
) -> Task:
    if isinstance(uses.get("score"), Mapping):
        return Task.MULTICLASS
    prediction, score = facts.get(str(uses.get("prediction", ""))), facts.get(str(uses.get("score", "")))
    told = label or prediction
    if told is not None and told.kind == "number" and not (told.whole and 0 < told.distinct <= 20):
        return Task.BINARY if score is not None and _within_one(score) and label is None else Task.REGRESSION
    if told is not None and told.kind in ("text", "number") and 2 < told.distinct <= MOST_CLASSES:
        return Task.MULTICLASS
    if score is not None and not _within_one(score) and told is None:
        return Task.REGRESSION
    return Task.BINARY


def _positive(label: Facts) -> tuple[str, float | None]:
    """Return the positive label where it has to be said ('' where true or 1), and its share."""
    counts = dict(zip(label.levels, label.counts, strict=True))
    positive = next((one for one in label.levels if one.lower() in _POSITIVE), "")
    if not positive and len(label.levels) == 2:
        positive = label.levels[-1]  # the rarer one
    if not positive:
        return "", None
    plain = frozenset(one.lower() for one in label.levels) in _TRUTHS
    return "" if plain else positive, counts[positive] / label.n


def _segments(rest: Sequence[Facts]) -> tuple[str, ...]:
    fitting = [one for one in rest if one.kind == "text" and 2 <= one.distinct <= 30 and one.missing <= one.n]
    named = [one.name for one in fitting if any(word in one.name.lower().split("_") for word in _SEGMENTS)]
    return tuple(named[:3])


def _left_out(one: Facts) -> str:
    if one.kind in ("time", "other"):
        return _("neither number nor category")
    if one.kind == "text" and one.n >= 20 and one.share > 0.5:
        return _("more than half of its values are distinct")
    if one.kind == "text" and one.length > 64:
        return _("free text")
    return ""
