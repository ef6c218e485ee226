"""Whether a new version is better than the level that a ticket was opened at, told at any time.

A side is the windows of one level, each with its value x and sampling error e. Days differ by more than
sampling explains: s² is what normal windows varied beyond it. Weights w = 1 / (s² + e²) give

    level = Σ w x / Σ w,   error² = 1 / Σ w

Where the two versions serve in the same windows, their differences are taken window by window: what a day
does to both falls out, and s² is what the differences themselves vary by beyond sampling.

It is looked at every day, so the limits hold at all times at once with 95 % (the normal mixture of Robbins):
of a difference with variance v, and τ the size of the harm that the new version is meant to undo,

    difference ± √( v (v + τ²) / τ² · ln( (v + τ²) / (v α²) ) )

Only windows whose labels are mature count on either side, so both are compared at the same label age.

Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical
Statistics 41; Howard, Ramdas, McAuliffe, Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence
sequences, Annals of Statistics 49.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt

import numpy as np

ALPHA = 0.05
LEAST_WINDOWS = 3
"""Windows on each side without which nothing is said."""


class Outcome(StrEnum):
    """What came of a new version; OPEN: it cannot be told yet."""

    OPEN = ""
    VERIFIED = "verified"
    WORSE = "worse"
    NO_EFFECT = "no_effect"
    NOT_ENOUGH_DATA = "not_enough_data"
    REPLACED = "replaced"


@dataclass(frozen=True, kw_only=True)
class Level:
    """The mean of some windows in the metric's unit, its standard error, and how many there are."""

    value: float
    error: float
    windows: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """New less old, in the metric's unit, with limits that hold at all times with 95 %."""

    value: float
    lower: float
    upper: float


def level(values: Sequence[float], errors: Sequence[float], spread: float) -> Level | None:
    """Return the level of some windows; None of fewer than three.

    Args:
        errors: the sampling error of each, same length.
        spread: s², the variance from window to window beyond sampling.

    >>> level([0.10, 0.12, 0.11], [0.01, 0.01, 0.01], 0.0)
    Level(value=0.11, error=0.005773502691896258, windows=3)
    """
    if len(values) < LEAST_WINDOWS:
        return None
    weights = 1 / np.maximum(spread + np.square(np.asarray(errors, dtype=np.float64)), 1e-300)
    total = float(weights.sum())
    return Level(value=float(weights @ np.asarray(values)) / total, error=total**-0.5, windows=len(values))


def difference(new: Level, old: Level, harm: float) -> Difference:
    """Return new less old; `harm` is the size of what is to be undone, in the metric's unit."""
    return _limited(new.value - old.value, new.error**2 + old.error**2, harm)


def paired(
    new: Sequence[float], old: Sequence[float], errors: Sequence[float], harm: float
) -> Difference | None:
    """Return new less old of the same windows; None of fewer than three.

    Args:
        errors: the sampling error of each difference.
    """
    if len(new) < LEAST_WINDOWS:
        return None
    apart = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    sampling = float(np.mean(np.square(errors)))
    spread = max(0.0, float(apart.var(ddof=1)) - sampling)
    found = level(apart.tolist(), errors, spread)
    assert found is not None
    return _limited(found.value, found.error**2, harm)


def outcome(apart: Difference, new: float, before: float, floor: float, *, up_is_good: bool) -> Outcome:
    """Say what a difference means: better by the test and back where it was, worse by the test, or open.

    Args:
        new, before: the new version's level, and the level before the harm.
        floor: by how much the new level may stay below the former one.
    """
    sign = 1 if up_is_good else -1
    least = apart.lower if up_is_good else -apart.upper
    most = apart.upper if up_is_good else -apart.lower
    if most < 0:
        return Outcome.WORSE
    if least > 0 and sign * (new - before) >= -floor:
        return Outcome.VERIFIED
    return Outcome.OPEN


def _limited(value: float, v: float, harm: float) -> Difference:
    v, tau2 = max(v, 1e-300), max(harm**2, 1e-300)
    half = sqrt(v * (v + tau2) / tau2 * log((v + tau2) / (v * ALPHA**2)))
    return Difference(value=value, lower=value - half, upper=value + half)
