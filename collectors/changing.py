"""What a changed file means for what is stored: what is counted again, and what stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from collectors.kpis import columns_named
from collectors.windows import digest
from core.config import Model, configuration_hash, configuration_keys, counted_in, part_hash
from store.tables import ModelRow

FORMAT = "2"
"""Raised when counting itself changes, so that every window is counted again."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What changed in the file since a model was last counted.

    `keys` are those of the file, with what they said and what they say ('' is nothing). `inputs` says that
    everything is counted again, `outcomes` that labels and KPIs are, `metrics` that what is computed from the
    counts is. `taken` are watched columns that now have another use. `kept` are the parts of the file, such
    as `reference` or `kpis.sold`, of which some key stayed as it was.
    """

    keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    inputs: bool = False
    outcomes: bool = False
    metrics: bool = False
    taken: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()


def change_of(model: Model, row: ModelRow | None, was: Mapping[str, str] | None) -> Change:
    """Compare the file with what a model was last counted by.

    Args:
        was: the file's keys then; None where they were not kept: then everything may have changed.
    """
    if row is None or row.configuration == configuration_hash(model):
        return Change()
    if was is None:
        return Change(inputs=True, outcomes=True, metrics=True)
    now = configuration_keys(model)
    keys = {
        key: (was.get(key, ""), now.get(key, ""))
        for key in sorted(was.keys() | now.keys())
        if was.get(key, "") != now.get(key, "")
    }
    parts = {counted_in(key) for key in keys}
    taken = tuple(sorted(_used_elsewhere(model) & row.features.get("columns", {}).keys()))
    return Change(
        keys=keys,
        inputs="inputs" in parts or bool(taken),
        outcomes="outcomes" in parts or "inputs" in parts or bool(taken),
        metrics=True,
        taken=taken,
        kept=frozenset(part_of(key) for key in was.keys() & now.keys() if key not in keys),
    )


def part_of(key: str) -> str:
    """Return the part of the file that a key belongs to: one KPI, else the first word."""
    first, _dot, rest = key.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "kpis" else first


def inputs_base(model: Model, grid_set: str) -> str:
    """Return how the marks of windows begin whose inputs are counted as the file says now."""
    return digest([FORMAT, part_hash(configuration_keys(model), ["inputs"]), grid_set])


def outcomes_base(model: Model, grid_set: str, maturity: timedelta) -> str:
    """Return the same of windows whose outcomes are."""
    keys = configuration_keys(model)
    return digest([FORMAT, part_hash(keys, ["inputs", "outcomes"]), grid_set, str(maturity)])


def _used_elsewhere(model: Model) -> set[str]:
    """Return the columns of the log that `features: auto` leaves to outcomes."""
    wanted, truth = model.predictions.features, model.ground_truth
    if not wanted.auto:
        return set()
    found = {name for kpi in model.kpis.values() if kpi.source is None for name in columns_named(kpi)}
    if truth is not None and truth.in_predictions:
        found.update(truth.columns.used())
    if model.experiment is not None and model.experiment.unit:
        found.add(model.experiment.unit)
    return found - {*wanted.numeric, *wanted.categorical}
