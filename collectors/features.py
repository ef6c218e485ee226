"""Which columns of a log are watched, and what classes and levels they hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from collectors.expressions import call, count, name, not_null, select, within
from collectors.kpis import columns_named
from collectors.sides import Side
from collectors.sources.base import ColumnInfo
from core.config import Model, Task
from core.errors import SourceError
from core.spelling import listed
from core.text import gettext as _

LONG_TEXT = 64
DISTINCT_SHARE = 0.5
IDENTIFIER_SHARE = 0.95
LEAST_ROWS = 100
MOST_CLASSES = 100
_TRUE = ("true", "1", "1.0", "t", "True", "TRUE")
_FALSE = ("false", "0", "0.0", "f", "False", "FALSE")


@dataclass(frozen=True, kw_only=True)
class Features:
    """Columns to watch by kind, and in words why others are left out."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def features_of(model: Model, reference: Side, log: Side) -> Features:
    """Resolve the features of a model against what the reference and the log hold.

    Raises:
        SourceError: a listed column does not exist in the log.
    """
    wanted = model.predictions.features
    for column in (*wanted.numeric, *wanted.categorical):
        log.info(column)
    numeric, categorical = list(wanted.numeric), list(wanted.categorical)
    left_out: dict[str, str] = {}
    if wanted.auto:
        used = {*log.columns.used(), *wanted.exclude, *numeric, *categorical}
        truth = model.ground_truth
        if truth is not None and truth.in_predictions:
            used.update(truth.columns.used())
        if model.experiment is not None and model.experiment.unit:
            used.add(model.experiment.unit)
        for kpi in model.kpis.values():
            used |= columns_named(kpi)
        known = set(reference.names)
        candidates = []
        for info in log.source.columns():
            if info.name in used or info.own:
                continue
            if info.name not in known:
                left_out[info.name] = _("the reference does not hold it")
            elif info.kind in ("time", "other"):
                left_out[info.name] = _("{type} is neither a number nor a category").format(type=info.type)
            else:
                candidates.append(info)
        left_out |= _private(reference, candidates)
        for info in candidates:
            if info.name not in left_out:
                (numeric if info.kind == "numeric" else categorical).append(info.name)
    missing = [column for column in (*numeric, *categorical) if column not in reference.names]
    left_out |= {column: _("the reference does not hold it") for column in missing}
    return Features(
        numeric=tuple(column for column in numeric if column not in missing),
        categorical=tuple(column for column in categorical if column not in missing),
        left_out=left_out,
    )


def _private(side: Side, columns: list[ColumnInfo]) -> dict[str, str]:
    """Tell which columns hold free text, or a value of its own in most rows."""
    looked = [info for info in columns if info.kind == "categorical" or _whole_number(info)]
    if not looked:
        return {}
    read = [(side.text(info.name), f"x{i}") for i, info in enumerate(looked)]
    made = []
    for i in range(len(looked)):
        made += [
            (count(name(f"x{i}")), f"n{i}"),
            (exp.Count(this=exp.Distinct(expressions=[name(f"x{i}")])), f"d{i}"),
            (exp.Avg(this=call("length", name(f"x{i}"))), f"l{i}"),
        ]
    limited = select(read, side.relation(None, None)).limit(200_000)
    row = side.engine.fetch(select(made, within(limited, "rows"))).to_pylist()[0]
    found: dict[str, str] = {}
    for i, info in enumerate(looked):
        rows, distinct, length = row[f"n{i}"], row[f"d{i}"], float(row[f"l{i}"] or 0)
        if rows < LEAST_ROWS:
            continue
        limit = DISTINCT_SHARE if info.kind == "categorical" else IDENTIFIER_SHARE
        if distinct > limit * rows:
            found[info.name] = _("{share:.0%} of its values are distinct").format(share=distinct / rows)
        elif info.kind == "categorical" and length > LONG_TEXT:
            found[info.name] = _("free text, {n:.0f} characters on average").format(n=length)
    return found


def _whole_number(info: ColumnInfo) -> bool:
    return info.kind == "numeric" and "INT" in info.type.upper()


def level_counts(side: Side, column: str, limit: int) -> dict[str, int]:
    """Return the counts of a column's most frequent texts, at most `limit`."""
    inner = select([(side.text(column), "x")], side.relation(None, None))
    query = select([(name("x"), "x"), (count(), "n")], within(inner, "rows"), not_null(name("x")), group=1)
    ordered = query.order_by(exp.Ordered(this=name("n"), desc=True), exp.Ordered(this=name("x")), copy=False)
    found = side.engine.fetch(ordered.limit(limit)).to_pydict()
    return dict(zip([str(x) for x in found["x"]], [int(n) for n in found["n"]], strict=True))


def classes_of(model: Model, log: Side, truth: Side | None) -> tuple[str, ...]:
    """Return the classes of a model as text; of two, the positive one last.

    Raises:
        SourceError: it cannot be told which label is the positive one, or there are too many.
    """
    if model.task is Task.REGRESSION:
        return ()
    labels: dict[str, int] = {}
    if truth is not None and truth.columns.label is not None:
        labels = level_counts(truth, truth.columns.label, MOST_CLASSES + 1)
    if model.task is not Task.BINARY:
        return _many(model, log, labels)
    positive = model.positive_label
    if positive is not None:
        text = str(positive).lower() if isinstance(positive, bool) else str(positive)
        text = next((one for one in labels if one == text or _same(one, text)), text)
    else:
        text = next((one for one in labels if one in _TRUE), "" if labels else "true")
        if not text and any(one in _FALSE for one in labels):
            text = "true" if any(one in ("false", "False", "FALSE", "f") for one in labels) else "1"
    if not text:
        raise SourceError(
            _("It cannot be told which label is the positive one: {labels}.").format(
                labels=listed(labels, 8)
            ),
            hint=_("Add `positive_label: …` to the model."),
        )
    others = [one for one in labels if one != text]
    negative = next((one for one in others if one in _FALSE and text in _TRUE), "")
    if not negative:
        negative = others[0] if others else ("0" if text.startswith("1") else "false")
    return (negative, text)


def _same(one: str, text: str) -> bool:
    return (one in _TRUE and text in _TRUE) or (one in _FALSE and text in _FALSE)


def _many(model: Model, log: Side, labels: Mapping[str, int]) -> tuple[str, ...]:
    found = set(labels)
    score = log.columns.score
    if isinstance(score, Mapping):
        found |= set(score)
    named = log.columns.prediction if model.task is Task.MULTICLASS else None
    if named is not None and log.has(named):
        found |= set(level_counts(log, named, MOST_CLASSES + 1))
    plain = {one[:-2] if one.endswith(".0") and one[:-2].lstrip("-").isdigit() else one for one in found}
    if len(plain) > MOST_CLASSES:
        raise SourceError(
            _("The label has more than {n} classes.").format(n=MOST_CLASSES),
            hint=_("Is it a number? Then the task is regression."),
        )
    return tuple(sorted(plain))
