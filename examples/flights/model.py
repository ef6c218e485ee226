"""A small model of late arrivals: logistic regression on what is known before departure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
NUMERIC = ("distance", "sched_hour", "weekday")
CATEGORICAL = ("carrier", "origin")
RIDGE = 5.0


@dataclass(frozen=True, kw_only=True)
class Late:
    """A fitted model: one weight a level of hour, weekday, carrier and origin, one of the distance."""

    levels: tuple[tuple[str, tuple[object, ...]], ...]
    weights: Floats

    def score(self, flights: pd.DataFrame) -> Floats:
        """Return the probability of arriving more than 15 minutes late, rounded to 6 decimals."""
        scores: Floats = np.round(1 / (1 + np.exp(-_design(flights, self.levels) @ self.weights)), 6)
        return scores


def fit(flights: pd.DataFrame, late: Floats) -> Late:
    """Fit on flights whose outcome is known."""
    by_level = ("sched_hour", "weekday", "carrier", "origin")
    levels = tuple((name, tuple(sorted(flights[name].unique()))[1:]) for name in by_level)
    inputs = _design(flights, levels)

    def loss(weights: Floats) -> tuple[float, Floats]:
        linear = inputs @ weights
        value = np.logaddexp(0, linear).sum() - late @ linear + RIDGE / 2 * (weights[1:] @ weights[1:])
        slope = inputs.T @ (1 / (1 + np.exp(-linear)) - late)
        slope[1:] += RIDGE * weights[1:]
        return float(value), slope

    found = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B")
    return Late(levels=levels, weights=np.round(found.x, 4))


def _design(flights: pd.DataFrame, levels: tuple[tuple[str, tuple[object, ...]], ...]) -> Floats:
    columns = [np.ones(len(flights)), flights["distance"].to_numpy() / 1000 - 1]
    for name, known in levels:
        values = flights[name].to_numpy()
        columns += [values == level for level in known]
    return np.column_stack(columns).astype(np.float64)
