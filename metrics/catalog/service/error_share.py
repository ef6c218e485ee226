"""Which share of the requests failed."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, share
from metrics.base import Better, Metric, Need, Subject, Unit
from metrics.intervals import weighted


def error_share(subject: Subject) -> MetricValue:
    """Return failed / all requests (0–1) with Wilson's interval; of a sampled log Σ w of both, w = 1 / share.

    >>> from metrics.examples import served
    >>> error_share(served()).value
    0.02
    """
    inputs = subject.profile.inputs
    told = inputs.error_weight >= inputs.errors  # weights are 1 or more; earlier counts have none
    if inputs.weight <= inputs.rows or not told or inputs.rows < LEAST_ROWS:
        return share(inputs.errors, inputs.rows)
    part, whole = inputs.error_weight, inputs.weight
    limits = weighted(part, whole, (inputs.error_squares, inputs.weight_squares))
    return answer(part / whole, n=inputs.rows, limits=limits, numerator=part, denominator=whole)


METRIC = Metric(
    name="service.error_share",
    title=N_("Share of errors"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_("rows with an error status / rows; of a sampled log each row counts 1 / share sampled"),
    source="Wilson, E. B. (1927), J. Am. Stat. Assoc. 22, 209–212 (interval); Franco, C. et al. (2019), "
    "J. Surv. Stat. Methodol. 7, 334–364 (of a sampled log)",
    misleads=N_("A request that never reached the log is not counted; an answer that is wrong is no error."),
    compute=error_share,
    needs=frozenset({Need.STATUS}),
    stored=True,
)
