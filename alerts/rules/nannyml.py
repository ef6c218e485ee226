"""NannyML's default decision: outside of three standard deviations around the reference's mean.

For comparison. It judges each window by itself, and every column and metric with a chance of its own to be
wrong, so a model of 20 columns alarms on nothing some hundred times in 1,000 windows. Its distances are our
`drift.jensen_shannon` on other bins, so figures differ a little from the package's.

NannyML 0.13.1, StandardDeviationThreshold (std_lower_multiplier 3, std_upper_multiplier 3).
"""

import numpy as np
from pydantic import Field

from alerts.rules.base import FOUR_WEEKS, Judgement, RuleOptions, Series, Verdict, has_number, unknown
from core.text import gettext as _
from core.windows import Grain

LOOKS_BACK = dict.fromkeys(Grain, 0)
LEAST = 2


class Options(RuleOptions):
    """`sigmas`: how many standard deviations of the reference's windows are normal, either way."""

    sigmas: float = Field(3.0, gt=0)


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge each window by the reference's mean and deviation; without them by the first windows' own."""
    base = [point.value.value for point in series.baseline if has_number(point)]
    skipped = 0
    if len(base) < LEAST and series.points:
        skipped = FOUR_WEEKS[series.points[0].window.grain]
        base = [point.value.value for point in series.points[:skipped] if has_number(point)]
    found = []
    for at, point in enumerate(series.points):
        if not has_number(point):
            found.append(unknown(point))
            continue
        if at < skipped or len(base) < LEAST:
            said = _("learning, {known} of {least}").format(known=min(at + 1, skipped), least=skipped)
            found.append(unknown(point, said))
            continue
        values = np.array(base, dtype=np.float64)
        mean, apart = float(values.mean()), options.sigmas * float(values.std())
        value = point.value.value
        assert value is not None
        outside = abs(value - mean) > apart
        words = _("{title} is {value}, outside of {low} to {high}")
        found.append(
            Judgement(
                window=point.window, verdict=Verdict.HARM if outside else Verdict.CALM,
                reason=words.format(
                    title=series.title, value=series.figure(value), low=series.figure(mean - apart),
                    high=series.figure(mean + apart),
                ) if outside else "",
                value=value, expected=mean, low=mean - apart, high=mean + apart, effect=value - mean,
                lower=point.value.lower, upper=point.value.upper, n=point.value.n,
            )
        )  # fmt: skip
    return found
