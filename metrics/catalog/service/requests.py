"""How many predictions were asked for."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer, too_few
from metrics.base import Better, Metric, Per, Subject, Unit


def requests(subject: Subject) -> MetricValue:
    """Count the rows of the log, failed and repeated ones included (a count ≥ 1, no interval).

    >>> from metrics.examples import served
    >>> requests(served()).value
    200.0
    """
    rows = subject.profile.inputs.rows
    return answer(rows, n=rows) if rows else too_few(0, 1)


METRIC = Metric(
    name="service.requests",
    title=N_("Requests"),
    unit=Unit.COUNT,
    better=Better.NONE,
    per=Per.MODEL,
    formula=N_("number of rows in the log, all roles but control"),
    source="Beyer, B. et al. (2016), Site Reliability Engineering, ch. 6: traffic",
    misleads=N_("A repeated request counts again; of a sampled log only the sampled rows count."),
    compute=requests,
    stored=True,
    minimum=1,
)
