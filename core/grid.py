"""The bins that counts are taken on: immutable, with an id, and not a reference.

Numeric bins are right-closed: with edges e_0 < … < e_k there are k + 2 bins, bin 0 is (-inf, e_0] and
means 'below the reference', bin i is (e_(i-1), e_i], bin k + 1 is (e_k, inf) and means 'above the
reference'. e_0 lies just below the smallest reference value and e_k is the largest.
Categorical bins are the kept levels, then `other` (known, but rare in the reference), then `unseen`.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

NORMAL_QUARTILES = 1.3489795
"""Distance of the quartiles of a normal distribution, in standard deviations."""
MOST_MOMENTS = 32
"""Columns whose products are summed up: 32 have 528 pairs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericGrid:
    """Bins of a numeric column; `edges` is float64, strictly increasing, finite."""

    edges: Floats
    kind: Literal["numeric"] = "numeric"

    def __post_init__(self) -> None:
        edges = self.edges
        if edges.ndim != 1 or not len(edges) or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError("edges must be finite and strictly increasing")
        edges.setflags(write=False)

    @property
    def bins(self) -> int:
        """Number of bins, under- and overflow included."""
        return len(self.edges) + 1

    def coarse(self, bins: int = 32) -> "NumericGrid":
        """Return a grid of about `bins` bins whose edges are edges of this one, both ends kept."""
        if self.bins <= bins:
            return self
        keep = np.unique(np.linspace(0, len(self.edges) - 1, bins - 1).round().astype(int))
        return NumericGrid(edges=self.edges[keep])

    @property
    def standard(self) -> tuple[float, float]:
        """Return a centre and a scale: the edges' median, and their quartiles' distance in normal sd."""
        low, middle, high = np.quantile(self.edges, (0.25, 0.5, 0.75))
        return float(middle), float((high - low) / NORMAL_QUARTILES)

    def locate(self, values: Floats) -> Counts:
        """Return the bin of each value (shape of `values`); NaN is not allowed."""
        return np.searchsorted(self.edges, values, side="left").astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class CategoricalGrid:
    """Levels of a categorical column: `levels` have bins of their own, `rare` share the bin `other`.

    `open_ended` says that the reference held more levels than are kept here, so 'unseen' cannot be told
    from 'other' for certain.
    """

    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()
    open_ended: bool = False
    kind: Literal["categorical"] = "categorical"

    @property
    def bins(self) -> int:
        """Number of bins: levels, other, unseen."""
        return len(self.levels) + 2

    @property
    def other(self) -> int:
        """The bin of known but rare levels."""
        return len(self.levels)

    @property
    def unseen(self) -> int:
        """The bin of levels that the reference does not hold."""
        return len(self.levels) + 1


ColumnGrid = NumericGrid | CategoricalGrid


@dataclass(frozen=True, kw_only=True)
class GridSet:
    """All grids of a model.

    `score` bins the score (binary) or the prediction (regression); None for a log without one.
    `classes` are the label's classes as text, in fixed order; binary: (negative, positive).
    `errors` bins a regression's error (prediction − label).
    """

    columns: dict[str, ColumnGrid]
    score: NumericGrid | None = None
    errors: NumericGrid | None = None
    classes: tuple[str, ...] = ()
    segments: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits that name this set of grids."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """The numeric columns whose second moments are kept: by name, the first 32 of more than one value."""
        named = [
            name
            for name, grid in sorted(self.columns.items())
            if isinstance(grid, NumericGrid) and len(grid.edges) > 2 and 0 < grid.standard[1] < np.inf
        ]
        return tuple(named[:MOST_MOMENTS])

    def to_json(self) -> str:
        """Write the set as canonical JSON; floats keep every bit."""

        def column(grid: ColumnGrid) -> dict[str, Any]:
            if isinstance(grid, NumericGrid):
                return {"edges": grid.edges.tolist()}
            return {"levels": grid.levels, "rare": grid.rare, "open_ended": grid.open_ended}

        body = {
            "columns": {name: column(grid) for name, grid in self.columns.items()},
            "score": None if self.score is None else self.score.edges.tolist(),
            "errors": None if self.errors is None else self.errors.edges.tolist(),
            "classes": self.classes,
            "segments": self.segments,
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "GridSet":
        """Read what `to_json` wrote."""
        body = json.loads(text)

        def numeric(edges: list[float] | None) -> NumericGrid | None:
            return None if edges is None else NumericGrid(edges=np.asarray(edges, dtype=np.float64))

        columns: dict[str, ColumnGrid] = {}
        for name, grid in body["columns"].items():
            columns[name] = (
                NumericGrid(edges=np.asarray(grid["edges"], dtype=np.float64))
                if "edges" in grid
                else CategoricalGrid(
                    levels=tuple(grid["levels"]), rare=tuple(grid["rare"]), open_ended=grid["open_ended"]
                )
            )
        return cls(
            columns=columns,
            score=numeric(body["score"]),
            errors=numeric(body["errors"]),
            classes=tuple(body["classes"]),
            segments={name: tuple(levels) for name, levels in body["segments"].items()},
        )


def _latency_grid() -> NumericGrid:
    step = 1.02  # a bin's geometric middle is within 1 % of everything in it
    return NumericGrid(edges=0.01 * step ** np.arange(1055, dtype=np.float64))


LATENCY = _latency_grid()
"""Milliseconds in log-spaced bins from 0.01 ms to about 3 hours, the same for every model."""

AGES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 2.0)
"""Label ages as shares of the maturity; a label falls into the first age it does not exceed, later ones
into bin 7, rows without a label into bin 8."""

AGE_BINS = len(AGES) + 2
NO_LABEL = AGE_BINS - 1
