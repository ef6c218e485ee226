"""Evidently's default decision on a column: a distance of 0.1 or more to the reference.

For comparison. With a reference of more than 1,000 rows Evidently calls a numeric column drifted when the
Wasserstein distance in standard deviations of the reference is 0.1 or more, and a categorical one when the
Jensen–Shannon distance (of natural logarithms) is. So give the rule `metric: drift.wasserstein` or
`metric: drift.jensen_shannon`; the second is kept with logarithms of base 2 and is converted. Its tests for
smaller references (Kolmogorov–Smirnov, χ²) are not here. Small windows exceed 0.1 by chance alone.

Evidently 0.7.23, default data drift of columns.
"""

from math import log, sqrt

from pydantic import Field

from alerts.rules.base import Judgement, RuleOptions, Series, Verdict, has_number, unknown
from core.text import gettext as _
from core.windows import Grain

LOOKS_BACK = dict.fromkeys(Grain, 0)
NATURAL = {"drift.jensen_shannon": sqrt(log(2))}
"""What a metric is multiplied by to be what Evidently measures."""


class Options(RuleOptions):
    """`distance` from which a column has drifted."""

    distance: float = Field(0.1, gt=0)


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge each window by its distance alone."""
    found = []
    for point in series.points:
        if not has_number(point) or point.value.value is None:
            found.append(unknown(point))
            continue
        value, unit = point.value.value, NATURAL.get(point.metric, 1.0)
        limit = options.distance / unit
        far = value >= limit
        words = _("{title} is {value}, and {limit} is the limit")
        found.append(
            Judgement(
                window=point.window, verdict=Verdict.HARM if far else Verdict.CALM,
                reason=words.format(
                    title=series.title, value=series.figure(value), limit=series.figure(limit)
                ) if far else "",
                value=value, expected=limit, high=limit, effect=value - limit, n=point.value.n,
            )
        )  # fmt: skip
    return found
