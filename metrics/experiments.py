"""What a model adds over a control arm, told so that one may look at any time.

Units (customers) are assigned to arms. With x and y the sums of a KPI's numerator and denominator over all
rows of a unit, an arm of n units has the rate R = Σx / Σy with the variance

    s² = Σ (x − R y)² / (n (n − 1) ȳ²)

so rows of one unit, however many, count as one draw (delta method, clustered by unit). The difference of two
arms has se² = s₁² + s₀². An interval that is looked at every day is no 95 % interval; this one holds at all
times at once with 95 % (an asymptotic confidence sequence), N = n₁ n₀ / (n₁ + n₀) · 4 the balanced size:

    R₁ − R₀ ± se · √( 2 (N ρ² + 1) / (N ρ²) · ln( √(N ρ² + 1) / α ) )

ρ makes it tightest at N = 2,000; at 200 and at 50,000 it is less than a fifth wider than it might be.

Deng, Knoblich, Lu (2018), Applying the delta method in metric analytics, KDD; Waudby-Smith, Arbour, Sinha,
Kennedy, Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences, Annals of
Statistics 52; Lindon, Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
"""

from dataclasses import dataclass
from math import exp, inf, log, sqrt

from scipy.special import betaln

from core.trial import Arm

ALPHA = 0.05
TIGHTEST = 2000.0
RHO = sqrt((-2 * log(ALPHA) + log(-2 * log(ALPHA)) + 1) / TIGHTEST)
LEAST_UNITS = 100
"""Units in each arm without which nothing is said."""
PRIOR = 100.0
"""Weight, in units, of the planned share against another one in the test of the ratio."""
RATIO_WRONG = 1000.0
"""How much likelier another share has to be than the planned one."""
MAY_CHANGE = 0.01
"""Share of units that may have been seen in both arms."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the model's arm has over the control's: `value` with limits that hold at all times with 95 %."""

    value: float
    error: float
    lower: float
    upper: float

    @property
    def is_clear(self) -> bool:
        """Tell whether 0 lies outside of the limits."""
        return self.lower > 0 or self.upper < 0


def rate(arm: Arm) -> float | None:
    """Return R; None without any denominator."""
    return arm.x / arm.y if arm.y > 0 else None


def variance(arm: Arm) -> float:
    """Return s²; infinite with fewer than two units."""
    if arm.units < 2 or arm.y <= 0:
        return inf
    own, mean = arm.x / arm.y, arm.y / arm.units
    squares = arm.xx - 2 * own * arm.xy + own**2 * arm.yy
    return max(squares, 0.0) / (arm.units * (arm.units - 1) * mean**2)


def effect(model: Arm, control: Arm) -> Effect | None:
    """Return the difference of two arms; None where one has fewer than 100 units.

    >>> arm = Arm(units=1000, x=150.0, y=1000.0, xx=150.0, yy=1000.0, xy=150.0)
    >>> other = Arm(units=1000, x=100.0, y=1000.0, xx=100.0, yy=1000.0, xy=100.0)
    >>> found = effect(arm, other)
    >>> round(found.value, 3), round(found.lower, 3), round(found.upper, 3)
    (0.05, 0.005, 0.095)
    """
    ours, theirs = rate(model), rate(control)
    if min(model.units, control.units) < LEAST_UNITS or ours is None or theirs is None:
        return None
    error = sqrt(variance(model) + variance(control))
    value, half = ours - theirs, error * _wide(balanced(model, control))
    return Effect(value=value, error=error, lower=value - half, upper=value + half)


def balanced(model: Arm, control: Arm) -> float:
    """Return how many units two equal arms with the same information would have together."""
    return 4 * model.units * control.units / max(model.units + control.units, 1)


def more_time(found: Effect, size: float) -> float | None:
    """Return how many times the present size is needed to tell an effect as large as this; None: over 100.

    Args:
        size: the balanced size now.
    """
    for step in range(1, 200):
        times = 1.03**step
        if found.error / sqrt(times) * _wide(size * times) < abs(found.value):
            return times
    return None


def ratio_evidence(model: int, control: int, share: float) -> float:
    """Return how much likelier the arms' sizes are with another share of control than with the planned one.

    A mixture over shares (Beta), so it may be looked at always: with the planned share it exceeds 1,000 with
    a probability of one in a thousand at most.
    """
    a, b = PRIOR * share, PRIOR * (1 - share)
    found = betaln(a + control, b + model) - betaln(a, b) - control * log(share) - model * log(1 - share)
    return exp(min(float(found), 700.0))


def _wide(size: float) -> float:
    grown = size * RHO**2
    return sqrt(2 * (grown + 1) / grown * log(sqrt(grown + 1) / ALPHA))
