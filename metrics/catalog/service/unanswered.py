"""Which share of the requests nobody is known to have answered."""

from core.profile import UNANSWERED
from core.text import N_
from core.values import MetricValue
from metrics.answers import share
from metrics.base import Better, Metric, Need, Subject, Unit


def unanswered(subject: Subject) -> MetricValue:
    """Return unanswered / all requests (0–1) with Wilson's interval.

    >>> from metrics.examples import served
    >>> unanswered(served()).value
    0.01
    """
    inputs = subject.profile.inputs
    return share(inputs.statuses.get(UNANSWERED, 0), inputs.rows)


METRIC = Metric(
    name="service.unanswered",
    title=N_("Requests without a logged answer"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_("requests without an answer in time / requests"),
    source="Wilson, E. B. (1927), J. Am. Stat. Assoc. 22, 209–212 (interval)",
    misleads=N_("An answer that was given and not logged looks the same; failed requests are among them."),
    compute=unanswered,
    needs=frozenset({Need.STATUS}),
)
