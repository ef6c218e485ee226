"""Evidence that a series has changed, whenever that was: Shiryaev–Roberts sums that may be looked at always.

Of standard scores y (metrics.calibration) with R calibration windows behind them, the evidence at window t
for a change just before window k is

    D = mean(y_k … y_t) − mean(all y before k),   v = 1 / (t − k + 1) + 1 / (R + k − 1)
    B_{k,t} = average over τ ∈ {.5, 1, 2, 4, 8} of √(v / (v + τ²)) · exp(D² τ² / (2 v (v + τ²)))

the likelihood ratio of a change drawn from N(0, τ²) to none; for one side times twice the share of the
posterior on that side, 2Φ(±Dτ² / (v + τ²) / √(v τ² / (v + τ²))). SR_t = Σ_{k ≤ t} B_{k,t}. Without a change
SR_t − t is a martingale, so the mean time until SR_t ≥ c is at least c, however often one looks. Leaving
changes out of the sum (an effect too small to matter, or one too long ago) only makes it smaller.

Shiryaev (1963); Roberts (1966); Shin, Ramdas, Rinaldo (2023), E-detectors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from core.grid import Counts, Floats

TAUS = (0.5, 1.0, 2.0, 4.0, 8.0)
HIGHEST = 300.0
"""Exponents are cut here: e³⁰⁰ is evidence enough and does not overflow."""
BETS = (0.4, 0.6, 0.75, 0.87)
"""The levels that rare events are bet to have fallen to, as shares of normal; upwards their inverses."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Standard scores of S series over T windows, and what was known before the first.

    `y`, `sigma` float64 [T, S]: scores, and what one of them is worth in the series' own unit. `usable` bool
    [T, S]: windows that have a score; `normal` those of them that count as before a change. `behind` float64
    [S] calibration windows, `total` float64 [S] the sum of their scores. `oldest` int64 [T]: with a reference
    that moves, the first window that counts as before a change at each; None: all of them, and the
    calibration windows.
    """

    y: Floats
    sigma: Floats
    usable: Bools
    normal: Bools
    behind: Floats
    total: Floats
    oldest: Counts | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """Running sums over usable windows, and over normal ones: float64 [T + 1, S] each.

    Numbers of windows are [T + 1, 1] where all series agree.
    """

    n: Floats
    y: Floats
    sigma: Floats
    normal_n: Floats
    normal_y: Floats


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which changes are looked for.

    `side`: +1 or −1 for one way only, 0 for both. `floor`: the least effect that counts, in the series' own
    unit. `longest`: changes more windows ago are left out; `least` windows must be known before one.
    """

    side: int = 0
    floor: float = 0.0
    longest: int = 90
    least: int = 14


def evidence(scores: Scores, sought: Sought, start: int = 0) -> Floats:
    """Return SR_t for a change since window `start`, float64 [T, S], 0 before `start`."""
    sums = _sums(scores)
    found = np.zeros(scores.y.shape)
    for t in range(start, len(found)):
        since = max(start, t + 1 - sought.longest)
        found[t] = _ratios(scores, sums, sought, since, t).sum(axis=0)
    return found


def likeliest(scores: Scores, sought: Sought, t: int, start: int = 0) -> int:
    """Return the window before which the series together most likely changed, seen from window `t`."""
    since = max(start, t + 1 - sought.longest)
    return since + int(_ratios(scores, _sums(scores), sought, since, t).mean(axis=1).argmax())


def change(scores: Scores, k: int, t: int) -> tuple[Floats, Floats]:
    """Return D of each series, from before window k to k…t, and v: float64 [S] both, in standard scores."""
    difference, variance = _change(scores, _sums(scores), k, t)
    return difference[0], np.broadcast_to(variance[0], difference[0].shape)


def bets(
    events: Floats, rows: Floats, usable: Bools, shares: tuple[float, float], *, start: int, side: int
) -> Floats:
    """Return SR_t of rare events, float64 [T], exact for any number of rows: bets that the share has moved.

    A bet that a share is p₁ rather than q pays e_t = (p₁/q)^s · ((1−p₁)/(1−q))^(n−s) on s events of n rows,
    which is (1 + λ(1 − q))^s (1 − λq)^(n−s) with λ = (p₁ − q) / (q(1 − q)); its mean is at most 1 while the
    share is on the harmless side of q. SR_t = (SR_{t−1} + 1) e_t, averaged over the bets `BETS`.

    Args:
        events, rows: float64 [T], s and n of each window.
        usable: bool [T].
        shares: the lowest and the highest share that still counts as normal, in (0, 1).
        side: −1 bets that the share has fallen, +1 that it has risen, 0 half on each.

    Waudby-Smith, Ramdas (2023), Estimating means of bounded random variables by betting.
    """
    sides = (side,) if side else (-1, 1)
    wagers = [
        (shares[one > 0], shares[0] * bet if one < 0 else min(shares[1] / bet, (1 + shares[1]) / 2))
        for one in sides
        for bet in BETS
    ]
    q, p = (np.array([wager[at] for wager in wagers]) for at in (0, 1))
    won, lost = np.log(p / q), np.log((1 - p) / (1 - q))
    found = np.zeros(len(events))
    held = np.zeros(len(q))
    for t in range(start, len(events)):
        if usable[t]:
            pays = np.minimum(events[t] * won + (rows[t] - events[t]) * lost, HIGHEST)
            held = np.minimum((held + 1) * np.exp(pays), np.exp(HIGHEST))
        found[t] = held.mean()
    return found


def _sums(scores: Scores) -> _Sums:
    def running(values: Floats) -> Floats:
        return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])

    return _Sums(
        n=running(_one_if_same(scores.usable).astype(np.float64)),
        y=running(np.where(scores.usable, scores.y, 0.0)),
        sigma=running(np.where(scores.usable, scores.sigma, 0.0)),
        normal_n=running(_one_if_same(scores.normal).astype(np.float64)),
        normal_y=running(np.where(scores.normal, scores.y, 0.0)),
    )


def _one_if_same(windows: Bools) -> Bools:
    return windows[:, :1] if (windows == windows[:, :1]).all() else windows


def _before(scores: Scores, sums: _Sums, ks: Counts) -> tuple[Floats, Floats]:
    """Return how many windows count as before each k, and the sum of their scores."""
    if scores.oldest is None:
        behind = scores.behind[:1] if (scores.behind == scores.behind[:1]).all() else scores.behind
        return behind + sums.normal_n[ks], scores.total + sums.normal_y[ks]
    first = np.minimum(scores.oldest[ks], ks)
    return sums.normal_n[ks] - sums.normal_n[first], sums.normal_y[ks] - sums.normal_y[first]


def _change(scores: Scores, sums: _Sums, since: int, t: int) -> tuple[Floats, Floats]:
    """Return D and v of changes before windows since…t; NaN and infinite where there is no window."""
    ks = np.arange(since, t + 1)
    after_n, after = sums.n[t + 1] - sums.n[ks], sums.y[t + 1] - sums.y[ks]
    before_n, before = _before(scores, sums, ks)
    with np.errstate(invalid="ignore", divide="ignore"):
        return after / after_n - before / before_n, 1 / after_n + 1 / before_n


def _ratios(scores: Scores, sums: _Sums, sought: Sought, since: int, t: int) -> Floats:
    """Return B_{k,t} for k = since…t, float64 [k, S]; 0 where a change cannot be, or is too small."""
    ks = np.arange(since, t + 1)
    difference, v = _change(scores, sums, since, t)
    squares, total = difference**2, np.zeros(difference.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        for tau in TAUS:
            wide = v + tau**2
            one = np.exp(np.minimum(squares * (tau**2 / (2 * v * wide)), HIGHEST)) * np.sqrt(v / wide)
            if sought.side:
                one *= 2 * ndtr(sought.side * difference * (tau / np.sqrt(v * wide)))
            total += one
        sigma = (sums.sigma[t + 1] - sums.sigma[ks]) / (sums.n[t + 1] - sums.n[ks])
        held = scores.usable[ks] & (np.abs(difference) * sigma >= sought.floor)
    held &= _before(scores, sums, ks)[0] >= sought.least
    return np.where(held, total / len(TAUS), 0.0)
