"""Evidence that a series has changed, whenever that was: Shiryaev–Roberts sums that may be looked at always.

Of standard scores y (metrics.calibration) with R calibration windows behind them, the evidence at window t
for a change just before window k is

    D = mean(y_k … y_t) − mean(all y before k),   v = 1 / (t − k + 1) + 1 / (R + k − 1)
    B_{k,t} = average over τ ∈ {.5, 1, 2, 4, 8} of √(v / (v + τ²)) · exp(D² τ² / (2 v (v + τ²)))

the likelihood ratio of a change drawn from N(0, τ²) to none; for one side times twice the share of the
posterior on that side, 2Φ(±Dτ² / (v + τ²) / √(v τ² / (v + τ²))). Where weekdays have levels of their own the
windows of each are compared with those of the same weekday and the differences weighed by h = a b / (a + b),
a windows after and b before: D = Σ h D_d / Σ h, v = 1 / Σ h, the least squares estimate of one shift.

SR_t = Σ_{k ≤ t} B_{k,t}. Without a change SR_t − t is a martingale, so the mean time until SR_t ≥ c is at
least c, however often one looks. Leaving changes out of the sum (an effect too small to matter, or one too
long ago) only makes it smaller.

Shiryaev (1963); Roberts (1966); Shin, Ramdas, Rinaldo (2023), E-detectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from core.grid import Counts, Floats

TAUS = (0.5, 1.0, 2.0, 4.0, 8.0)
HIGHEST = 300.0
"""Exponents are cut here: e³⁰⁰ is evidence enough and does not overflow."""
AT_A_TIME = 50_000
"""Numbers of an array that are looked at in one go."""
BETS = (0.4, 0.6, 0.75, 0.87)
"""The levels that rare events are bet to have fallen to, as shares of normal; upwards their inverses."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Standard scores of S series over T windows, and how many windows they were calibrated on.

    `y`, `sigma` float64 [T, S]: scores, and what one of them is worth in the series' own unit. `usable` bool
    [T, S]: windows that have a score; `normal` those of them that count as before a change. `groups` int64
    [T]: the weekday of each window; `behind` float64 [groups, S] calibration windows of each, all of them in
    group 0 for a series whose weekdays are alike. `oldest` int64 [T]: with a reference that moves, the first
    window that counts as before a change at each; None: all of them, and the calibration windows.
    """

    y: Floats
    sigma: Floats
    usable: Bools
    normal: Bools
    groups: Counts
    behind: Floats
    oldest: Counts | None = None

    def of(self, series: Counts) -> "Scores":
        """Return the scores of some series."""
        return replace(
            self, y=self.y[:, series], sigma=self.sigma[:, series], usable=self.usable[:, series],
            normal=self.normal[:, series], behind=self.behind[:, series],
        )  # fmt: skip

    @property
    def seasonal(self) -> Bools:
        """Tell which series have weekdays of their own."""
        return np.asarray((self.behind[1:] > 0).any(axis=0))

    @cached_property
    def worth(self) -> tuple[Floats, Floats]:
        """Return the running sums of σ over usable windows and their number, float64 [T + 1, S]."""
        none = np.zeros((1, self.y.shape[1]))
        sums = np.where(self.usable, self.sigma, 0.0).cumsum(axis=0)
        return np.concatenate([none, sums]), np.concatenate([none, self.usable.cumsum(axis=0)])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """Running sums of some series over usable and over normal windows, float64 [T + 1, groups, S] each.

    Numbers of windows are [T + 1, groups, 1] where all series agree.
    """

    series: Bools
    n: Floats
    y: Floats
    normal_n: Floats
    normal_y: Floats
    behind: Floats


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
    windows = np.arange(start, len(found))
    since = np.maximum(start, windows + 1 - sought.longest)
    width = max(scores.y.shape[1], 1) * max(len(own.behind) for own in sums) if sums else 1
    many = max(AT_A_TIME // (width * min(sought.longest, len(found) or 1)), 1)
    for first in range(0, len(windows), many):  # of some windows t every k at once
        ts, some = windows[first : first + many], since[first : first + many]
        lags = ts - some + 1
        begins = np.cumsum(lags) - lags
        ks = np.arange(lags.sum()) - np.repeat(begins - some, lags)
        ratios = _ratios(scores, sums, sought, ks, np.repeat(ts, lags))
        found[ts] = np.add.reduceat(ratios, begins, axis=0)
    return found


def likeliest(scores: Scores, sought: Sought, t: int, start: int = 0) -> int:
    """Return the window before which the series together most likely changed, seen from window `t`."""
    since = max(start, t + 1 - sought.longest)
    ks = np.arange(since, t + 1)
    return since + int(_ratios(scores, _sums(scores), sought, ks, np.full_like(ks, t)).mean(axis=1).argmax())


def change(scores: Scores, k: int, t: int) -> tuple[Floats, Floats]:
    """Return D of each series, from before window k to k…t, and v: float64 [S] both, in standard scores."""
    difference, variance, _known = _change(scores, _sums(scores), np.array([k]), np.array([t]))
    return difference[0], variance[0]


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


def _sums(scores: Scores) -> list[_Sums]:
    """Add up the series without and those with weekdays of their own."""
    seasonal, found = scores.seasonal, []
    for series, labels in ((~seasonal, 1), (seasonal, scores.behind.shape[0])):
        if not series.any():
            continue
        own = scores.of(np.flatnonzero(series))
        groups = scores.groups if labels > 1 else np.zeros_like(scores.groups)
        found.append(
            _Sums(
                series=series,
                n=_running(_one_if_same(own.usable.astype(np.float64)), groups, labels),
                y=_running(np.where(own.usable, own.y, 0.0), groups, labels),
                normal_n=_running(_one_if_same(own.normal.astype(np.float64)), groups, labels),
                normal_y=_running(np.where(own.normal, own.y, 0.0), groups, labels),
                behind=_one_if_same(own.behind[:labels]),
            )
        )
    return found


def _running(values: Floats, groups: Counts, labels: int) -> Floats:
    found = np.zeros((len(values) + 1, labels, values.shape[1]))
    found[np.arange(1, len(values) + 1), groups] = values
    return np.cumsum(found, axis=0)


def _one_if_same(values: Floats) -> Floats:
    return values[:, :1] if (values == values[:, :1]).all() else values


def _change(scores: Scores, sums: Sequence[_Sums], ks: Counts, ts: Counts) -> tuple[Floats, Floats, Floats]:
    """Return D and v of changes before windows `ks` seen from `ts`, and how many windows lie before them.

    All float64 [pairs, S].
    """
    shape = (len(ks), scores.y.shape[1])
    difference, variance, known = np.zeros(shape), np.full(shape, np.inf), np.zeros(shape)
    for own in sums:
        after_n, after = own.n[ts + 1] - own.n[ks], own.y[ts + 1] - own.y[ks]
        if scores.oldest is None:
            before_n, before = own.behind[None] + own.normal_n[ks], own.normal_y[ks]
        else:
            first = np.minimum(scores.oldest[ks], ks)
            before_n = own.normal_n[ks] - own.normal_n[first]
            before = own.normal_y[ks] - own.normal_y[first]
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = np.nan_to_num(after_n * before_n / (after_n + before_n))
            apart = np.where(weight > 0, after / after_n - before / before_n, 0.0)
            total = weight.sum(axis=1)
            difference[:, own.series] = np.nan_to_num((weight * apart).sum(axis=1) / total)
            variance[:, own.series] = 1 / total
        known[:, own.series] = before_n.sum(axis=1)
    return difference, variance, known


def _ratios(scores: Scores, sums: Sequence[_Sums], sought: Sought, ks: Counts, ts: Counts) -> Floats:
    """Return B_{k,t} of pairs, float64 [pairs, S]; 0 where a change cannot be, or is too small."""
    difference, v, known = _change(scores, sums, ks, ts)
    if sought.floor:
        worth, count = scores.worth
        sigma = (worth[ts + 1] - worth[ks]) / np.maximum(count[ts + 1] - count[ks], 1)
        held = scores.usable[ks] & (np.abs(difference) * sigma >= sought.floor)
    else:
        held = scores.usable[ks]
    held &= (known >= sought.least) & np.isfinite(v)
    v = np.where(held, v, 1.0)
    squares, total = difference**2, np.zeros(difference.shape)
    for tau in TAUS:
        wide = v + tau**2
        one = np.exp(np.minimum(squares * (tau**2 / (2 * v * wide)), HIGHEST)) * np.sqrt(v / wide)
        if sought.side:
            one *= 2 * ndtr(sought.side * difference * (tau / np.sqrt(v * wide)))
        total += one
    return np.where(held, total / len(TAUS), 0.0)
