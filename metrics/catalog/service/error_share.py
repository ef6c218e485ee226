"""Which share of the requests failed."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share
from metrics.base import Better, Metric, Need, Subject, Unit


def error_share(subject: Subject) -> MetricValue:
    """Return failed / all requests (0–1) with Wilson's interval.

    >>> from metrics.examples import served
    >>> error_share(served()).value
    0.02
    """
    inputs = subject.profile.inputs
    return share(inputs.errors, inputs.rows)


METRIC = Metric(
    name="service.error_share",
    title=N_("Share of errors"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_("rows with an error status / rows"),
    source="Wilson, E. B. (1927), J. Am. Stat. Assoc. 22, 209–212 (interval)",
    misleads=N_("A request that never reached the log is not counted; an answer that is wrong is no error."),
    compute=error_share,
    needs=frozenset({Need.STATUS}),
    stored=True,
)
