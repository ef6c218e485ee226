"""Why a rate moved: other cases (mix), or the same cases done otherwise (rate); exactly, level by level.

A rate K = Σ N_l / Σ D_l over the levels l of a segment column has shares s_l = D_l / D and rates
r_l = N_l / D_l. Between a time before (0) and after (1)

    K₁ − K₀ = Σ (s₁ − s₀) · (r̄ − K̄) + Σ (r₁ − r₀) · s̄ ,   r̄ = (r₀ + r₁) / 2, s̄ and K̄ alike

without a rest. The first sum is what other shares do (a level that grows adds what it is better than all),
the second what other rates do. A level that is new or gone has one rate, so all of it is mix.

Kitagawa, E. M. (1955), 'Components of a difference between two rates', JASA 50, 1168–1194.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Sums = Mapping[str, tuple[float, float]]
"""Numerator and denominator by level."""
MOST = 0.5
"""Share of a move from which one segment is called its carrier."""
MORE = 0.15
"""By how much a carrier's part of a move exceeds its part of the cases before: else all move alike."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level before and after: shares of the denominator 0–1, rates (None where it was not there)."""

    name: str
    share_before: float
    share: float
    before: float | None
    after: float | None
    mix: float
    rate: float

    @property
    def effect(self) -> float:
        """Return what it adds to the move."""
        return self.mix + self.rate


@dataclass(frozen=True, kw_only=True)
class Split:
    """A move from `before` to `after`, which is the sum of `mix` and `rate`; levels, largest effect first."""

    before: float
    after: float
    levels: tuple[Level, ...]

    @property
    def mix(self) -> float:
        """Return what other shares of the levels did."""
        return sum(level.mix for level in self.levels)

    @property
    def rate(self) -> float:
        """Return what other rates within the levels did."""
        return sum(level.rate for level in self.levels)


def split(before: Sums, after: Sums) -> Split | None:
    """Split the move of a rate over the levels of one column; None where either time holds nothing.

    >>> then = {"pilot": (2.0, 10.0), "usual": (100.0, 990.0)}
    >>> now = {"pilot": (30.0, 600.0), "usual": (40.0, 400.0)}
    >>> found = split(then, now)
    >>> round(found.mix, 4), round(found.rate, 4), found.levels[0].name
    (0.0145, -0.0465, 'pilot')
    """
    whole = [sum(sums[1] for sums in time.values()) for time in (before, after)]
    if min(whole) <= 0:
        return None
    then, now = (
        sum(sums[0] for sums in time.values()) / all_
        for time, all_ in zip((before, after), whole, strict=True)
    )
    middle, levels = (then + now) / 2, []
    for name in sorted(before.keys() | after.keys()):
        shares, rates = [], []
        for time, all_ in zip((before, after), whole, strict=True):
            numerator, denominator = time.get(name, (0.0, 0.0))
            shares.append(denominator / all_)
            rates.append(numerator / denominator if denominator > 0 else None)
        known = [rate for rate in rates if rate is not None]
        if not known:
            continue
        first, last = (known[0] if rate is None else rate for rate in rates)
        levels.append(
            Level(
                name=name, share_before=shares[0], share=shares[1], before=rates[0], after=rates[1],
                mix=(shares[1] - shares[0]) * ((first + last) / 2 - middle),
                rate=(last - first) * (shares[0] + shares[1]) / 2,
            )
        )  # fmt: skip
    return Split(before=then, after=now, levels=tuple(sorted(levels, key=lambda one: -abs(one.effect))))


def carrier(splits: Sequence[Split]) -> Level | None:
    """Return the smallest level, of any column, that carries at least half of a move; None: it is everywhere.

    A level counts only where its part of the move is clearly more than its part of the cases was.
    """
    found = [
        level
        for one in splits
        for level in one.levels
        if (moved := one.after - one.before)
        and level.effect / moved >= MOST
        and level.effect / moved >= level.share_before + MORE
    ]
    return min(found, key=lambda level: (level.share, level.name), default=None)
