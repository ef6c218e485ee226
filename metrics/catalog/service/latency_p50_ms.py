"""The latency below which 50 % of the requests stay."""

from core.text import N_
from core.values import MetricValue
from metrics.base import Better, Metric, Need, Subject, Unit
from metrics.latency import percentile


def latency_p50_ms(subject: Subject) -> MetricValue:
    """Return the percentile in ms (within 1 % of the exact one) with its order-statistic interval.

    >>> from metrics.examples import served
    >>> round(latency_p50_ms(served()).upper / 200, 1)
    1.0
    """
    return percentile(subject, 0.50)


METRIC = Metric(
    name="service.latency_p50_ms",
    title=N_("Latency: half are faster"),
    unit=Unit.MS,
    better=Better.LOWER,
    formula=N_("the latency at rank 0.50 · (n − 1) of the sorted latencies, from bins 2 % wide"),
    source="David, H. A., Nagaraja, H. N. (2003), Order Statistics, 3rd ed., sec. 7.1 (interval)",
    misleads=N_("Percentiles do not average: those of a week are taken from its sums, not from its days."),
    compute=latency_p50_ms,
    needs=frozenset({Need.LATENCY}),
    stored=True,
    minimum=30,
)
