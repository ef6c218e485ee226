"""For which share of the predictions the outcome is known."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share
from metrics.base import Better, Metric, Need, Part, Subject, Unit


def join_coverage(subject: Subject) -> MetricValue:
    """Return predictions with a usable label / predictions (0–1) with Wilson's interval.

    >>> from metrics.examples import binary
    >>> join_coverage(binary()).value
    0.8
    """
    outcomes = subject.profile.outcomes
    return share(outcomes.labelled, outcomes.rows)


METRIC = Metric(
    name="quality.join_coverage",
    title=N_("Predictions with a known outcome"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_("predictions joined with a label of a known class / predictions, a repeated id counting once"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_(
        "Labels take time: a young window is low by nature. With a list of positives only (absent: negative) "
        "it is 1 once mature, whatever was lost."
    ),
    compute=join_coverage,
    part=Part.OUTCOMES,
    needs=frozenset({Need.LABELS}),
    stored=True,
)
