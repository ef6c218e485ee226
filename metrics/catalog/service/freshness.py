"""How long ago the last event was."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer, too_few
from metrics.base import Better, Metric, Subject, Unit


def freshness(subject: Subject) -> MetricValue:
    """Return the hours from the last event to the window's end, or to now while it lasts (≥ 0, no interval).

    >>> from metrics.examples import served
    >>> freshness(served()).value
    2.0
    """
    inputs = subject.profile.inputs
    if inputs.last is None:
        return too_few(0, 1)
    upto = subject.now if subject.window is None else min(subject.now, subject.window.end)
    return answer(max((upto - inputs.last).total_seconds(), 0.0) / 3600, n=inputs.rows)


METRIC = Metric(
    name="service.freshness",
    title=N_("Hours since the last event"),
    unit=Unit.HOURS,
    better=Better.LOWER,
    formula=N_("end of the window (or now, if earlier) − time of the last event"),
    source="Beyer, B. et al. (2018), The Site Reliability Workbook, ch. 13: data freshness",
    misleads=N_("A log that lands once a day looks old all day; one late row makes a dead feed look alive."),
    compute=freshness,
    stored=True,
    minimum=1,
)
