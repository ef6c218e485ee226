"""One short name for what a model's numbers depend on."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from core.config.model import Kpi, Model
from core.config.node import Source, shown

_FORMAT = 1
_WORDS_ONLY = {"title", "direction", "unit", "value"}


def configuration_hash(model: Model) -> str:
    """Return 16 hexadecimal digits that change when what is collected or computed of a model changes.

    Titles, owners, goals, rules, channels and secrets do not count; the project's zone does. What came from
    the environment counts as it is written (`${NAME}`), so the hash can be printed anywhere.
    """
    parts: dict[str, Any] = {
        "format": _FORMAT,
        "name": model.name,
        "zone": str(model.zone),
        "task": model.task,
        "positive_label": [type(model.positive_label).__name__, model.positive_label],
        "threshold": model.decision_threshold,
        "roles": dict(model.roles),
        "grains": [model.grain, model.service_grain],
        "predictions": _source(model.predictions),
        "ground_truth": _source(model.ground_truth),
        "reference": _source(model.reference),
        "segments": sorted(sorted(segment) for segment in model.segments),
        "kpis": {name: _kpi(kpi) for name, kpi in model.kpis.items()},
        "experiment": None if model.experiment is None else model.experiment.model_dump(),
    }
    text = json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kpi(kpi: Kpi) -> dict[str, Any]:
    return {**kpi.model_dump(exclude=_WORDS_ONLY | {"source"}), "source": _source(kpi.source)}


def _source(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    fields = (name for name in type(source).model_fields if name not in ("options", "declared"))
    return {name: getattr(source, name) for name in fields} | {"declared": shown(source.declared)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    return dump() if dump is not None else str(value)
