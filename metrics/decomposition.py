"""Why a rate moved: other cases (mix), or the same cases done otherwise (rate); exactly, level by level.

A rate K = Σ N_l / Σ D_l over the levels l of a segment column has shares s_l = D_l / D and rates
r_l = N_l / D_l. Between a time before (0) and after (1)

    K₁ − K₀ = Σ (s₁ − s₀) · (r̄ − K̄) + Σ (r₁ − r₀) · s̄ ,   r̄ = (r₀ + r₁) / 2, s̄ and K̄ alike

without a rest. The first sum is what other shares do (a level that grows adds what it is better than all),
the second what other rates do. A level that is new or gone has one rate, so all of it is mix.

Kitagawa, E. M. (1955), 'Components of a difference between two rates', JASA 50, 1168–1194.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Pair = tuple[float, float]
"""Numerator and denominator."""
Sums = Mapping[str, Pair]
"""Both by level."""
Place = frozenset[tuple[str, str]]
"""A segment: column and level, of one column or of several crossed."""
Segments = Mapping[Place, Pair]
NONE: Pair = (0.0, 0.0)
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
class Part:
    """What one segment carries of a move: `part`, 1 for all of it.

    Shares are those of the denominator, 0–1; rates None where it was not there; `would` is the rate of all
    rows now, had the segment stayed as it was.
    """

    place: Place
    share_before: float
    share: float
    before: float | None
    after: float | None
    would: float
    part: float


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
            numerator, denominator = time.get(name, NONE)
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


def parts(before: Segments, after: Segments, whole: tuple[Pair, Pair]) -> dict[Place, Part]:
    """Return what each segment carries of a move: levels of any columns, and of columns crossed.

    Had a segment kept its share s₀ and its rate r₀, and the others what they are, the rate would be

        K′ = s₀ r₀ + (1 − s₀) (N₁ − n₁) / (D₁ − d₁)

    and the segment carries (K₁ − K′) / (K₁ − K₀). Segments overlap, so their parts need not add up to 1.

    Args:
        whole: numerator and denominator of all rows, before and after. Empty where one of both holds nothing
            or the rate has not moved.

    >>> spring, usual = frozenset({("campaign", "spring")}), frozenset({("campaign", "usual")})
    >>> then = {spring: (0.0, 0.0), usual: (100.0, 1000.0)}
    >>> now = {spring: (10.0, 500.0), usual: (50.0, 500.0)}
    >>> found = parts(then, now, ((100.0, 1000.0), (60.0, 1000.0)))[spring]
    >>> round(found.would, 3), round(found.part, 3)
    (0.1, 1.0)
    """
    (n_before, d_before), (n_after, d_after) = whole
    if min(d_before, d_after) <= 0 or n_before / d_before == n_after / d_after:
        return {}
    then, now = n_before / d_before, n_after / d_after
    found = {}
    for place in sorted(before.keys() | after.keys(), key=sorted):
        (n0, d0), (n1, d1) = before.get(place, NONE), after.get(place, NONE)
        if not (0 <= d0 <= d_before and 0 <= d1 <= d_after and d0 + d1 > 0):
            continue
        share = d0 / d_before
        others = (n_after - n1) / (d_after - d1) if d1 < d_after else None
        would = then if others is None else (n0 / d_before) + (1 - share) * others
        found[place] = Part(
            place=place, share_before=share, share=d1 / d_after, before=n0 / d0 if d0 else None,
            after=n1 / d1 if d1 else None, would=would, part=(now - would) / (now - then),
        )  # fmt: skip
    return found


def carrier(found: Mapping[Place, Part]) -> Part | None:
    """Return the smallest segment that carries at least half of a move; None: it is everywhere.

    A segment counts only where its part of the move is clearly more than its part of the cases was; one
    within another that counts only where the same holds of what the wider one carries.
    """
    most = {
        place: one for place, one in found.items() if one.part >= MOST and one.part >= one.share_before + MORE
    }
    narrow = [
        one
        for place, one in most.items()
        if all(_stands_out(one, wider) for other, wider in most.items() if other < place)
    ]
    return min(narrow, key=lambda one: (max(one.share_before, one.share), sorted(one.place)), default=None)


def _stands_out(one: Part, wider: Part) -> bool:
    share = one.share_before / wider.share_before if wider.share_before else one.share / wider.share
    return one.part / wider.part >= max(MOST, share + MORE)
