"""How many predictions were asked for."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer, too_few
from metrics.base import Better, Metric, Per, Subject, Unit
from metrics.intervals import around


def requests(subject: Subject) -> MetricValue:
    """Count the rows of the log, failed and repeated ones included (a count ≥ 1).

    Of a sampled log it is the estimate of Horvitz and Thompson, Σ 1 / share, with an interval; n stays the
    number of rows.

    >>> from metrics.examples import sampled, served
    >>> requests(served()).value
    200.0
    >>> found = requests(sampled())
    >>> found.value, found.n, round(found.lower), round(found.upper)
    (400.0, 200, 361, 439)
    """
    inputs = subject.profile.inputs
    if not inputs.rows:
        return too_few(0, 1)
    if inputs.weight <= inputs.rows:
        return answer(inputs.rows, n=inputs.rows)
    limits = around(inputs.weight, inputs.weight_squares - inputs.weight)
    return answer(inputs.weight, n=inputs.rows, limits=limits)


METRIC = Metric(
    name="service.requests",
    title=N_("Requests"),
    unit=Unit.COUNT,
    better=Better.NONE,
    per=Per.MODEL,
    formula=N_("number of rows in the log, all roles but control; of a sampled log Σ 1 / share sampled"),
    source="Horvitz, D. G., Thompson, D. J. (1952), J. Am. Stat. Assoc. 47, 663–685 (sampled logs)",
    misleads=N_(
        "A repeated request counts again; a log that is sampled and does not say so counts too little."
    ),
    compute=requests,
    stored=True,
    minimum=1,
)
