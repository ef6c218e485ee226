"""The mergeable summary of one window × version × role × segment: counts, never rows.

Inputs (what was predicted, how the service did) and outcomes (labels, performance, KPIs) are two parts:
late labels replace the second and leave the first alone. Merging is associative and commutative, and the
empty part is neutral.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import reduce
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import NotComparableError
from core.roles import Role as Role
from core.text import gettext as _
from core.windows import Grain

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

KPI_SUMS = ("rows", "numerator", "denominator", "numerator²", "denominator²", "cross")
"""The last axis of a KPI's array; the first is the label's age. Of a sampled log numerator and denominator of
a row are multiplied by its weight, 1 / share sampled."""

ERROR_SUMS = ("n", "error", "absolute", "squared", "label", "label²", "ratio", "ratio_n")
"""Regression: n, Σe, Σ|e|, Σe², Σy, Σy², Σ|e/y| and the number of y ≠ 0; e = prediction − label."""

SCORE_SUMS = ("n", "log_loss", "brier", "score", "variance", "positive", "log_loss²", "brier²")
"""Labelled and scored rows: n, Σ log loss, Σ(p−y)², Σp, Σp(1−p), Σy and squares for intervals."""


CLIP = 4.0
"""How far out a value counts in second moments: one wild value would else be all of them."""

Part = TypeVar("Part", "ColumnSummary", "Inputs", "Outcomes")


@dataclass(frozen=True, kw_only=True, order=True)
class ProfileKey:
    """Where a profile belongs. Segment '' is all rows, else 'region=north'; version is never '' here."""

    model: str
    version: str
    role: Role
    segment: str
    grain: Grain
    start: datetime
    grid_set: str


UNANSWERED = "unanswered"
"""The status of a request that nobody is known to have answered; it is no error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnSummary:
    """One column in one window.

    `counts` int64 [bins of its grid]; `missing` NULL or NaN; `invalid` values that could not be read as the
    column's type. `total` and `squares` sum the finite numbers; `minimum`, `maximum` None without any.
    """

    counts: Counts
    missing: int = 0
    invalid: int = 0
    total: float = 0.0
    squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    def merge(self, other: "ColumnSummary") -> "ColumnSummary":
        """Add two windows up."""
        return _merge(self, other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """What was predicted and how the service did.

    `latency` int64 [LATENCY.bins]; `score` int64 [classes predicted, score bins] (regression: [1, bins] of
    the prediction); `score_sum` Σp, `score_variance` Σp(1−p), `score_squares` Σp² over scored rows. `weight`,
    `weight_squares`: Σw, Σw² with w = 1 / share sampled (equal to `rows` when nothing is sampled);
    `error_weight`, `error_squares` those of the rows with an error (0 when nothing is sampled).

    Second moments of the k columns `GridSet.moments`, each centred and scaled by its grid (`standard`) and
    cut off at ± CLIP: `sums` float64 [k] Σz, and over rows in which both of a pair are there `pair_sums`
    float64 [k (k + 1) / 2] Σ z_i z_j and `pair_rows` int64 their number, for i ≤ j by numpy's triu_indices;
    None for segments. `score_by`, of a reference alone: column → float64 [bins, (n, Σ score)] of scored rows
    whose value is there, in about eight bins of its grid or by level.
    """

    rows: int = 0
    duplicates: int = 0
    errors: int = 0
    first: datetime | None = field(default=None, metadata={"merge": "min"})
    last: datetime | None = field(default=None, metadata={"merge": "max"})
    statuses: Mapping[str, int] = field(default_factory=dict)
    latency: Counts | None = None
    latency_sum: float = 0.0
    latency_missing: int = 0
    columns: Mapping[str, ColumnSummary] = field(default_factory=dict)
    score: Counts | None = None
    score_missing: int = 0
    score_sum: float = 0.0
    score_squares: float = 0.0
    score_variance: float = 0.0
    weight: float = 0.0
    weight_squares: float = 0.0
    error_weight: float = 0.0
    error_squares: float = 0.0
    pair_rows: Counts | None = None
    pair_sums: Floats | None = None
    sums: Floats | None = None
    score_by: Mapping[str, Floats] = field(default_factory=dict)

    def merge(self, other: "Inputs") -> "Inputs":
        """Add two parts up."""
        return _merge(self, other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What became known of the predictions.

    `rows` predictions joined (a repeated id counts once), `weight` Σ 1 / share sampled of them (0 when
    nothing is sampled), `labelled` with a usable label, `unknown_labels` whose label is none of the classes,
    `duplicate_labels` ids that the truth holds more than once.
    `score_labelled`, `score_positive` int64 [classes predicted, score bins]; `score_sums` float64
    [SCORE_SUMS]; `confusion` int64 [actual class, predicted class]; `class_scores` int64
    [class, (all, of that class), bins] for multiclass; `error_sums` float64 [ERROR_SUMS]; `errors` int64
    [error bins]; `error_bins` float64 [prediction bins, (n, Σ|e|, Σe²)]; `kpis` name → float64
    [AGE_BINS, KPI_SUMS]; `ages` int64 [AGE_BINS, coarse score bins, (labelled, positive)].
    """

    rows: int = 0
    weight: float = 0.0
    labelled: int = 0
    unknown_labels: int = 0
    duplicate_labels: int = 0
    score_labelled: Counts | None = None
    score_positive: Counts | None = None
    score_sums: Floats | None = None
    confusion: Counts | None = None
    class_scores: Counts | None = None
    error_sums: Floats | None = None
    errors: Counts | None = None
    error_bins: Floats | None = None
    kpis: Mapping[str, Floats] = field(default_factory=dict)
    ages: Counts | None = None

    def merge(self, other: "Outcomes") -> "Outcomes":
        """Add two parts up."""
        return _merge(self, other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """Both parts, counted on the grids of `grid_set`."""

    grid_set: str
    inputs: Inputs = field(default_factory=Inputs)
    outcomes: Outcomes = field(default_factory=Outcomes)

    def merge(self, other: Self) -> Self:
        """Add two profiles up.

        Raises:
            NotComparableError: they were counted on different grid sets.
        """
        if self.grid_set != other.grid_set:
            raise NotComparableError(
                _("Profiles on grid sets {a} and {b} are not comparable.").format(
                    a=self.grid_set, b=other.grid_set
                ),
                hint=_("Run `goalkeeper regrid` to count both on one grid set."),
            )
        return type(self)(
            grid_set=self.grid_set,
            inputs=self.inputs.merge(other.inputs),
            outcomes=self.outcomes.merge(other.outcomes),
        )


def merge_all(profiles: Iterable[Profile], *, grid_set: str) -> Profile:
    """Add any number of profiles up; none give the empty profile of `grid_set`."""
    return reduce(Profile.merge, profiles, Profile(grid_set=grid_set))


def _merge(a: Part, b: Part) -> Part:
    merged: dict[str, Any] = {}
    for item in fields(a):
        x, y = getattr(a, item.name), getattr(b, item.name)
        rule = item.metadata.get("merge") or {"minimum": "min", "maximum": "max"}.get(item.name, "sum")
        merged[item.name] = _add(x, y) if rule == "sum" else _pick(x, y, rule)
    return type(a)(**merged)


def _pick(x: Any, y: Any, rule: str) -> Any:
    if x is None or y is None:
        return y if x is None else x
    return min(x, y) if rule == "min" else max(x, y)


def _add(x: Any, y: Any) -> Any:
    if x is None or y is None:
        return y if x is None else x
    if isinstance(x, Mapping):
        return {key: _add(x.get(key), y.get(key)) for key in sorted(x.keys() | y.keys())}
    if isinstance(x, ColumnSummary):
        return x.merge(y)
    return x + y
