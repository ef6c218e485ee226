"""Mean log loss."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import average
from metrics.base import CLASSIFIERS, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import lacking_scored, sums


def log_loss(subject: Subject) -> MetricValue:
    """Return the mean of −ln of the probability given to what happened (≥ 0) with the interval of a mean.

    >>> from metrics.examples import binary
    >>> round(log_loss(binary()).value, 3)
    0.535
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    found = sums(subject.profile.outcomes)
    return average(found["log_loss"], found["log_loss²"], round(found["n"]))


METRIC = Metric(
    name="performance.log_loss",
    title=N_("Log loss"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    formula=N_("−(1/n) Σ ln p(what happened), probabilities cut to 2.2e−16 … 1 − 2.2e−16"),
    source="Good, I. J. (1952), Rational decisions, J. Roy. Stat. Soc. B 14, 107–114",
    misleads=N_(
        "Moves with the share of positives even when the model is as good as before; a few confident "
        "mistakes outweigh everything else."
    ),
    compute=log_loss,
    part=Part.OUTCOMES,
    tasks=CLASSIFIERS,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
)
