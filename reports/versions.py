"""A model's versions: when they answered, what they were trained on, what was promised and what came true."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.config import Model
from core.values import MetricValue
from metrics.base import Metric
from metrics.registry import all_metrics
from reports.query import Query
from store import models, references
from store.registered import own_versions, registered
from store.tables import ReferenceRow, RegisteredRow

_HELD_OUT = ("test_", "holdout_", "validation_", "valid_", "val_", "eval_", "")
"""What stands before a metric's name where it was computed on other rows than the model was trained on."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One metric: what the registry says of it, and what came true since."""

    metric: Metric
    promised: float
    since: MetricValue


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version: [first, last] of its answers; `known` is None where no registry knows it.

    `reference` is the one that it brings of its own, None while it has none.
    """

    version: str
    first: datetime
    last: datetime
    known: RegisteredRow | None
    reference: ReferenceRow | None
    promises: tuple[Promise, ...]


def versions(
    query: Query, model: Model, *, since: datetime, until: datetime, now: datetime, most: int
) -> list[Version]:
    """Return a model's newest versions, the newest first, `most` of them.

    Args:
        since: with `until` the range over which what came true is computed.
    """
    declared = {
        name: metric
        for name, metric in all_metrics(query.project.plugin_dirs).items()
        if metric.family == "performance" and model.task in metric.tasks
    }
    with query.store.read() as session:
        seen = models.versions(session, model.name)
        known = registered(session, model.name) if model.registry is not None else {}
        brought = own_versions(session, model)
        own = {row.version: row for row in references.references(session, model.name)}
    found = []
    for row in seen[: -most - 1 : -1]:
        told = known.get(row.version)
        promises = []
        for name, value in promised_in(model, declared, {} if told is None else told.metrics).items():
            came = query.value(model.name, name, since=since, until=until, now=now, version=row.version)
            promises.append(Promise(metric=declared[name], promised=value, since=came.value))
        found.append(
            Version(
                version=row.version, first=row.first_seen, last=row.last_seen, known=told,
                reference=own.get(row.version) if row.version in brought else None, promises=tuple(promises),
            )
        )  # fmt: skip
    return found


def promised_in(model: Model, metrics: Mapping[str, Metric], told: Mapping[str, float]) -> dict[str, float]:
    """Return which of our metrics a registry tells, by our name: as the file says, else by the field's names.

    A value on the rows of the training itself promises nothing, so `train_…` is never taken.
    """
    said = {} if model.registry is None else model.registry.metrics
    found = {}
    for metric in metrics.values():
        names = (metric.name.partition(".")[2], *metric.known_as)
        wanted = [said[metric.name]] if metric.name in said else [a + b for a in _HELD_OUT for b in names]
        name = next((one for one in wanted if one in told), None)
        if name is not None:
            found[metric.name] = told[name]
    return found
