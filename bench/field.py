"""What the field's default rules say of the same windows, from the same counts.

- evidently: of a reference of more than 1,000 rows a numeric column has drifted when the Wasserstein distance
  over the reference's standard deviation is at least 0.1, a categorical one (or one of at most five values)
  when the Jensen–Shannon distance (natural logarithm) is. `any`: any column has; `share`: half of them have.
- nannyml: the Jensen–Shannon distance (base 2) of a column is above the mean plus three standard deviations
  of the reference's windows (`any`: any column); the share correct, or of positives, is outside of three
  standard deviations around the reference's mean (`performance`, `kpi`).

A numeric value stands at the upper edge of its bin; NannyML's distance is taken on 32 bins.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.streams import Stream
from core.grid import CategoricalGrid, Floats, NumericGrid
from metrics.base import SCORE

EVIDENTLY, NANNYML = "0.7.23", "0.13.1"
FEW, LIMIT = 5, 0.1
Bools = NDArray[np.bool_]


def decisions(stream: Stream) -> Mapping[str, tuple[Bools, list[frozenset[str]]]]:
    """Return for each rule whether it alarms in each monitored window, and the columns it names there."""
    names = list(stream.grids.columns)
    split = len(stream.reference)
    found_by = distances(stream)
    far = np.stack([found_by["evidently"][name][1] for name in names])
    odd = np.stack([found_by["nannyml"][name][1] for name in names])
    found = {
        "evidently:any": (far.any(axis=0), _named(far, names)),
        "evidently:share": (far.mean(axis=0) >= 0.5, _named(far, names)),
        "nannyml:any": (odd.any(axis=0), _named(odd, names)),
    }
    nobody = [frozenset[str]()] * len(stream.windows)
    for rule, values in (("nannyml:kpi", _positives(stream)), ("nannyml:performance", _correct(stream))):
        if values is not None:
            found[rule] = (_outside(values, split), nobody)
    return found


def distances(stream: Stream) -> Mapping[str, Mapping[str, tuple[Floats, Bools]]]:
    """Return by package and column the distance of each monitored window, and whether it is too far."""
    found: dict[str, dict[str, tuple[Floats, Bools]]] = {"evidently": {}, "nannyml": {}}
    for name, grid in stream.grids.columns.items():
        reference, windows = _shares(stream, name)
        far = _evidently_distance(grid, reference, windows)
        found["evidently"][name] = (far, far >= LIMIT)
        odd = _nannyml_distance(grid, reference, windows)
        split = len(stream.reference)
        found["nannyml"][name] = (odd[split:], odd[split:] > odd[:split].mean() + 3 * odd[:split].std())
    return found


def _shares(stream: Stream, name: str) -> tuple[Floats, Floats]:
    """Return the reference's shares, and those of every window, reference first."""
    counts = np.array([
        one.inputs.columns[name].counts for one in [*stream.reference, *stream.windows]
    ])  # fmt: skip
    pooled = counts[: len(stream.reference)].sum(axis=0)
    return pooled / pooled.sum(), counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _evidently_distance(grid: NumericGrid | CategoricalGrid, reference: Floats, windows: Floats) -> Floats:
    monitored = windows[30:]
    if isinstance(grid, CategoricalGrid) or (reference > 0).sum() <= FEW:
        return np.sqrt(_divergence(reference, monitored) * np.log(2))
    at = np.concatenate([grid.edges, grid.edges[-1:]])
    spread = float(np.sqrt((reference * at**2).sum() - (reference * at).sum() ** 2))
    apart = np.abs(np.cumsum(monitored - reference, axis=1))[:, :-1]
    found: Floats = (apart * np.diff(at)).sum(axis=1) / spread
    return found


def _nannyml_distance(grid: NumericGrid | CategoricalGrid, reference: Floats, windows: Floats) -> Floats:
    if isinstance(grid, NumericGrid) and grid.bins > 34:
        starts = np.unique(np.searchsorted(np.cumsum(reference), np.arange(32) / 32))
        reference = np.add.reduceat(reference, starts)
        windows = np.add.reduceat(windows, starts, axis=1)
    return np.sqrt(_divergence(reference, windows))


def _divergence(reference: Floats, windows: Floats) -> Floats:
    middle = (reference + windows) / 2

    def half(share: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(share > 0, share * np.log2(share / middle), 0.0).sum(axis=1)

    found: Floats = np.maximum((half(np.broadcast_to(reference, windows.shape)) + half(windows)) / 2, 0.0)
    return found


def _outside(values: Floats, split: int) -> Bools:
    usual = values[:split]
    return np.abs(values[split:] - usual.mean()) > 3 * usual.std()


def _positives(stream: Stream) -> Floats:
    sums = np.array([one.outcomes.kpis["conversion"].sum(axis=0) for one in _all(stream)])
    found: Floats = sums[:, 1] / sums[:, 2]
    return found


def _correct(stream: Stream) -> Floats | None:
    cells = [one.outcomes.confusion for one in _all(stream)]
    return None if cells[0] is None else np.array([np.trace(c) / c.sum() for c in cells if c is not None])


def _all(stream: Stream) -> list:  # type: ignore[type-arg]
    return [*stream.reference, *stream.windows]


def _named(table: Bools, names: list[str]) -> list[frozenset[str]]:
    return [
        frozenset(name for name, hit in zip(names, column, strict=True) if hit and name != SCORE)
        for column in table.T
    ]
