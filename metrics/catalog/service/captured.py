"""Which share of the requests the log holds."""

from dataclasses import replace

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, too_few
from metrics.base import Better, Metric, Subject, Unit
from metrics.intervals import around


def captured(subject: Subject) -> MetricValue:
    """Return rows / estimated requests (0–1; 1 without an interval where nothing is sampled).

    >>> from metrics.examples import sampled, served
    >>> captured(served()).value, captured(sampled()).value
    (1.0, 0.5)
    """
    inputs = subject.profile.inputs
    if inputs.rows < LEAST_ROWS:
        return too_few(inputs.rows)
    requests = max(inputs.weight, float(inputs.rows))
    likely = around(requests, inputs.weight_squares - inputs.weight)
    limits = None
    if requests > inputs.rows and likely.lower > 0:
        limits = replace(likely, lower=inputs.rows / likely.upper, upper=inputs.rows / likely.lower)
    share = inputs.rows / requests
    return answer(share, n=inputs.rows, limits=limits and limits.within(0.0, 1.0))


METRIC = Metric(
    name="service.captured",
    title=N_("Share of requests that is logged"),
    unit=Unit.PERCENT,
    better=Better.NONE,
    formula=N_("rows / Σ 1 / share sampled"),
    source="Horvitz, D. G., Thompson, D. J. (1952), J. Am. Stat. Assoc. 47, 663–685",
    misleads=N_("It is what the log says of itself: requests that were lost are not counted."),
    compute=captured,
)
