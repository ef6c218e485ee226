"""Turn sums into answers: a value with its n and interval, or why there is none."""

import math
from dataclasses import replace

from core.text import gettext as _
from core.values import MetricValue
from metrics.intervals import Limits, mean, wilson

LEAST_ROWS = 30
LEAST_OF_CLASS = 10


def answer(
    value: float,
    *,
    n: int,
    limits: Limits | None = None,
    numerator: float | None = None,
    denominator: float | None = None,
) -> MetricValue:
    """Answer with a number; one that is not finite becomes an error with its reason."""
    if not math.isfinite(value):
        return MetricValue.missing(_("The value cannot be computed from these sums."), n=n)
    known = limits if limits is not None and math.isfinite(limits.lower + limits.upper) else None
    return MetricValue(
        value=float(value),
        lower=None if known is None else float(known.lower),
        upper=None if known is None else float(known.upper),
        n=int(n),
        numerator=None if numerator is None else float(numerator),
        denominator=None if denominator is None else float(denominator),
    )


def too_few(n: int, minimum: int = LEAST_ROWS) -> MetricValue:
    """Answer that there are not enough rows."""
    return MetricValue.missing(_("{n} rows, {minimum} are needed.").format(n=n, minimum=minimum), n=n)


def too_few_of_class(negative: int, positive: int) -> MetricValue:
    """Answer that one of the two classes is too rare."""
    return MetricValue.missing(
        _("{negative} negative and {positive} positive labels, {minimum} of each are needed.").format(
            negative=negative, positive=positive, minimum=LEAST_OF_CLASS
        ),
        n=negative + positive,
    )


def no_reference() -> MetricValue:
    """Answer that there is nothing to compare with."""
    return MetricValue.missing(_("There is no reference for this yet."))


def share(part: float, whole: int, *, minimum: int = LEAST_ROWS) -> MetricValue:
    """Answer with part / whole and Wilson's interval.

    >>> share(3, 30).value
    0.1
    """
    if whole < minimum:  # sums are kept: of many such windows something may be said
        return replace(too_few(int(whole), minimum), numerator=float(part), denominator=float(whole))
    return answer(part / whole, n=whole, limits=wilson(part, whole), numerator=part, denominator=whole)


def average(total: float, squares: float, n: int, *, minimum: int = LEAST_ROWS) -> MetricValue:
    """Answer with total / n and the interval of a mean.

    >>> average(60.0, 200.0, 30).value
    2.0
    """
    if n < max(minimum, 2):
        return replace(too_few(n, minimum), numerator=float(total), denominator=float(n))
    return answer(total / n, n=n, limits=mean(total, squares, n), numerator=total, denominator=n)
