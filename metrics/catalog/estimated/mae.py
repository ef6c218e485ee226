"""Expected mean absolute error."""

import math

import numpy as np

from core.errors import NotComparableError
from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, no_reference, too_few
from metrics.base import REGRESSION, Better, Metric, Need, Subject, Unit
from metrics.estimation import told


def mae(subject: Subject) -> MetricValue:
    """Return the mean absolute error in the label's unit (≥ 0) that predictions like these had before.

    Interval: the noise of the errors to come. Neighbouring bins share their mean until at least 30 of the
    reference's errors stand behind it; a bin that the reference never predicted lies between its neighbours.

    >>> from metrics.promised import numbers
    >>> round(mae(numbers()).value, 3)
    2.0
    """
    reference, said = subject.reference, subject.profile.inputs.score
    if reference is None:
        return no_reference()
    if reference.grid_set != subject.profile.grid_set:
        raise NotComparableError(_("The reference was counted on another grid set."))
    bins = reference.outcomes.error_bins
    n, known = 0 if said is None else int(said.sum()), 0 if bins is None else int(bins[:, 0].sum())
    if said is None or n < LEAST_ROWS:
        return too_few(n)
    if bins is None or known < LEAST_ROWS:
        text = _("The reference has {n} labels, {least} are needed.")
        return MetricValue.missing(text.format(n=known, least=LEAST_ROWS), n=n)
    held = np.flatnonzero(bins[:, 0])
    rows = bins[held, 0]
    bands = known // LEAST_ROWS
    band = ((np.cumsum(rows) - rows / 2) / known * bands).astype(int)
    sums = np.stack([np.bincount(band, bins[held, at], bands)[band] for at in range(3)])
    error, squared = (np.interp(np.arange(len(bins)), held, one / sums[0]) for one in sums[1:])
    counted = said.sum(axis=0)
    variance = (counted * np.maximum(squared - error**2, 0.0)).sum() / n**2
    return told(float((counted * error).sum()) / n, float(variance), n, high=math.inf)


METRIC = Metric(
    name="estimated.mae",
    title=N_("Expected mean absolute error"),
    unit=Unit.NONE,
    better=Better.LOWER,
    formula=N_("Σ c_b m_b / n; m_b the mean absolute error of the reference's predictions in bin b"),
    source="NannyML (2023), Direct loss estimation; here from counts by bin of the prediction",
    misleads=N_(
        "Blind to concept drift, and to errors that hang on inputs rather than on the prediction itself: "
        "it knows what predictions like these were off by in the reference."
    ),
    compute=mae,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS, Need.REFERENCE}),
    stored=True,
)
