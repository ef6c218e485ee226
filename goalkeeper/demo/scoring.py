"""The model that is watched: a logistic regression, fitted here in two versions and really served.

A third one is trained in the replay (goalkeeper.demo.train). It decides who gets the special offer, and tells
how likely the call converts with that decision. The first two learn from a trial in which the offer was given
at random, so they know what it adds. Coefficients are rounded to 4 decimals and scores to 6, so that another
machine's last digits change nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from goalkeeper.demo import people, story
from goalkeeper.demo.people import CHANNELS, NUMERIC, PLANS, Floats, People

TRAINING_ROWS = 60_000
RIDGE = 1.0
BATCH = 8
"""The dialler asks for so many customers at a time."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Logistic:
    """A fitted version.

    `columns` are its numeric inputs; after them come the levels of plan and channel, and last the offer.
    Where it tells one campaign `apart`, all inputs but the offer come once more for the customers of that
    one. The offer is made from the log-odds `cut` (without it) on.
    """

    version: str
    columns: tuple[str, ...]
    means: Floats
    scales: Floats
    weights: Floats
    cut: float = 0.0
    apart: str = ""

    def design(
        self, numeric: Sequence[Floats], plan: NDArray[Any], channel: NDArray[Any], campaign: NDArray[Any]
    ) -> Floats:
        """Return the matrix of inputs without the offer; a missing number counts as the mean."""
        scaled = [
            np.nan_to_num((bent(name, values) - mean) / scale)
            for name, values, mean, scale in zip(self.columns, numeric, self.means, self.scales, strict=True)
        ]
        levels = [plan == level for level in PLANS[1:]] + [channel == level for level in CHANNELS[1:]]
        inputs = np.column_stack([np.ones(len(plan)), *scaled, *levels]).astype(np.float64)
        return np.hstack([inputs, inputs * (campaign == self.apart)[:, None]]) if self.apart else inputs

    def answer(
        self, numeric: Sequence[Floats], plan: NDArray[Any], channel: NDArray[Any], campaign: NDArray[Any]
    ) -> tuple[Floats, Flags]:
        """Return the probability that each call converts, and who gets the offer."""
        linear = np.round(self.design(numeric, plan, channel, campaign) @ self.weights[:-1], 6)
        offered = linear >= self.cut
        return np.round(1 / (1 + np.exp(-linear - self.weights[-1] * offered)), 6), offered

    def answer_people(self, who: People) -> tuple[Floats, Flags]:
        """Answer for customers all at once."""
        numeric = [who.numeric[name] for name in self.columns]
        return self.answer(numeric, who.plan, who.channel, who.campaign)

    def serve(self, who: People) -> tuple[Floats, Floats]:
        """Score as the dialler asks, a few at a time; return scores and the milliseconds each took."""
        scores, took = np.empty(len(who)), np.empty(len(who))
        numeric = [who.numeric[name] for name in self.columns]
        for at in range(0, len(who), BATCH):
            part = slice(at, at + BATCH)
            began = time.perf_counter()
            scores[part], _offered = self.answer(
                [values[part] for values in numeric], who.plan[part], who.channel[part], who.campaign[part]
            )
            took[part] = (time.perf_counter() - began) * 1000
        return scores, took


@cache
def versions() -> dict[str, Logistic]:
    """Fit both versions on a simulated trial from before the log: v1 does not know the web visits."""
    rng = np.random.default_rng([story.SEED, 1])
    who = people.draw(rng, TRAINING_ROWS, 0.0)
    offered = rng.random(len(who)) < 0.5
    bought = (rng.random(len(who)) < who.chance(offered)) & (rng.random(len(who)) < story.ANSWERED)
    known = {"v1": tuple(name for name in NUMERIC if name != "web_visits"), "v2": NUMERIC}
    return {version: _fit(version, columns, who, offered, bought) for version, columns in known.items()}


def _fit(version: str, columns: tuple[str, ...], who: People, offered: Flags, bought: Flags) -> Logistic:
    numeric = [who.numeric[name] for name in columns]
    taken = [bent(name, values) for name, values in zip(columns, numeric, strict=True)]
    model = Logistic(
        version=version,
        columns=columns,
        means=np.array([np.round(values.mean(), 4) for values in taken]),
        scales=np.array([np.round(values.std(), 4) for values in taken]),
        weights=np.zeros(0),
    )
    inputs = np.column_stack([model.design(numeric, who.plan, who.channel, who.campaign), offered])
    target = bought.astype(np.float64)

    def loss(weights: Floats) -> tuple[float, Floats]:
        linear = inputs @ weights
        value = np.logaddexp(0, linear).sum() - target @ linear + RIDGE / 2 * (weights[1:] @ weights[1:])
        slope = inputs.T @ (1 / (1 + np.exp(-linear)) - target)
        slope[1:] += RIDGE * weights[1:]
        return float(value), slope

    start = np.zeros(inputs.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-5})
    weights: Floats = np.round(found.x, 4)
    plain = inputs[:, :-1] @ weights[:-1]
    return replace(model, weights=weights, cut=round(float(np.quantile(plain, 1 - story.OFFERS)), 4))


def bent(name: str, values: Floats) -> Floats:
    """Return an input as the model takes it: of the visits the first few say most."""
    return np.log1p(values) if name == "web_visits" else values
