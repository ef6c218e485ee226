"""The latency below which 99 % of the requests stay."""

from core.text import N_
from core.values import MetricValue
from metrics.base import Better, Metric, Need, Subject, Unit
from metrics.latency import percentile


def latency_p99_ms(subject: Subject) -> MetricValue:
    """Return the percentile in ms (within 1 % of the exact one) with its order-statistic interval.

    >>> from metrics.examples import served
    >>> latency_p99_ms(served()).state
    <ValueState.NOT_ENOUGH_DATA: 'not_enough_data'>
    """
    return percentile(subject, 0.99)


METRIC = Metric(
    name="service.latency_p99_ms",
    title=N_("Latency: 99 % are faster"),
    unit=Unit.MS,
    better=Better.LOWER,
    formula=N_("the latency at rank 0.99 · (n − 1) of the sorted latencies, from bins 2 % wide"),
    source="David, H. A., Nagaraja, H. N. (2003), Order Statistics, 3rd ed., sec. 7.1 (interval)",
    misleads=N_("Percentiles do not average: those of a week are taken from its sums, not from its days."),
    compute=latency_p99_ms,
    needs=frozenset({Need.LATENCY}),
    stored=True,
    minimum=300,
)
