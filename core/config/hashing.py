"""What a model's numbers depend on, key by key, and short names for it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from core.config.model import Kpi, Model
from core.config.node import Source, shown
from core.config.values import duration_text

_FORMAT = 2
_WORDS_ONLY = {"title", "direction", "unit", "value"}
_LABELS_AGE = ("maturity", "absent", "columns.id", "columns.row_index", "columns.time", "columns.arrived")

Counted = Literal["inputs", "outcomes", "metrics"]
"""What of a window depends on a key: all of it, its outcomes alone, or only what is computed from both."""


def configuration_hash(model: Model) -> str:
    """Return 16 hexadecimal digits that change when what is collected or computed of a model changes.

    Titles, owners, goals, rules, channels and secrets do not count; the project's zone does. What came from
    the environment counts as it is written (`${NAME}`), so the hash can be printed anywhere.
    """
    return hash_of(_parts(model))


def configuration_keys(model: Model) -> dict[str, str]:
    """Return what `configuration_hash` is made from as the file's keys (`kpis.sold.numerator`) and texts."""
    found: dict[str, str] = {}
    _flatten(found, "", json.loads(_text(_parts(model))))
    for inner in ("format", "name"):
        del found[inner]
    return dict(sorted(found.items()))


def declared_parts(model: Model) -> dict[str, str]:
    """Return a digest of each part of the file that tells how a model is counted, judged and made anew.

    Parts are named as a person would: `predictions`, `kpis.sold`, `rules.service.freshness`, `goals`.
    """
    inner = ("format", "name", "sampled", "kpis")
    parts = {key: part for key, part in _parts(model).items() if key not in inner}
    parts |= {f"kpis.{name}": kpi for name, kpi in model.kpis.items()}
    parts |= {f"rules.{name}": rule for name, rule in model.rules.items()}
    parts |= {"goals": model.goals, "false_alarms": model.false_alarms, "retrain": model.retrain}
    parts |= {"telemetry": model.telemetry, "registry": model.registry}
    return {name: hash_of({"part": part}) for name, part in parts.items()}


def counted_in(key: str) -> Counted:
    """Tell what depends on one of `configuration_keys`."""
    first, _dot, rest = key.partition(".")
    if first in ("reference", "experiment"):
        return "metrics"
    if first == "kpis" or (first == "ground_truth" and rest in _LABELS_AGE):
        return "outcomes"
    return "inputs"


def part_hash(keys: Mapping[str, str], parts: Iterable[Counted]) -> str:
    """Return 16 hexadecimal digits that change with those of `configuration_keys` that belong to `parts`."""
    wanted = set(parts)
    return hash_of({key: text for key, text in keys.items() if counted_in(key) in wanted})


def hash_of(parts: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of some plain data."""
    return hashlib.sha256(_text(parts).encode()).hexdigest()[:16]


def _parts(model: Model) -> dict[str, Any]:
    positive = model.positive_label
    sampled = model.predictions.columns.sampled is not None
    return {
        "format": _FORMAT,
        "name": model.name,
        "timezone": str(model.zone),
        "task": model.task,
        "positive_label": None if positive is None else json.dumps(positive),  # 1, "1" and true differ
        "threshold": model.decision_threshold,
        "roles": dict(model.roles),
        "grain": model.grain,
        "service_grain": model.service_grain,
        "predictions": _source(model.predictions),
        "ground_truth": _source(model.ground_truth),
        "reference": _source(model.reference),
        "segments": sorted(sorted(segment) for segment in model.segments),
        "kpis": {name: _kpi(kpi) for name, kpi in model.kpis.items()},
        "experiment": None if model.experiment is None else model.experiment.model_dump(),
        **({"sampled": "weighted"} if sampled else {}),  # such a log was once counted without weights
    }


def _kpi(kpi: Kpi) -> dict[str, Any]:
    return {**kpi.model_dump(exclude=_WORDS_ONLY | {"source"}), "source": _source(kpi.source)}


def _source(source: Source | None) -> dict[str, Any] | None:
    """Return a source as the file names its keys."""
    if source is None:
        return None
    fields = type(source).model_fields
    kept = {
        info.serialization_alias or name: getattr(source, name)
        for name, info in fields.items()
        if name not in ("options", "declared") and getattr(source, name) != {}
    }
    return {**kept, **shown(source.declared)}


def _flatten(found: dict[str, str], at: str, value: Any) -> None:
    """Put the leaves of nested data by their dotted keys; empty ones are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(found, f"{at}.{key}" if at else key, inner)
    elif value not in (None, "", []):
        found[at] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(parts: Mapping[str, Any]) -> str:
    return json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=True)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    return dump() if dump is not None else str(value)
