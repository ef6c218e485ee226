"""What the reference's principal components cannot tell of a window's rows."""

import numpy as np

from core.errors import NotComparableError
from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import answer, no_reference, too_few
from metrics.base import Better, Metric, Need, Subject, Unit
from metrics.moments import Components, Moments


def multivariate(subject: Subject) -> MetricValue:
    """Return the reconstruction error of the reference's principal components (≥ 0, no interval).

    It is the root mean square distance of a row, its numeric columns standardised by the reference, from the
    nearest point that the components can tell. Columns that no longer belong together move it though each of
    them looks as ever.

    >>> from metrics.examples import together
    >>> round(multivariate(together(0.8)).value, 3), round(multivariate(together(0.0)).value, 3)
    (0.447, 1.0)
    """
    if subject.reference is None:
        return no_reference()
    if subject.reference.grid_set != subject.profile.grid_set:
        raise NotComparableError(_("The reference was counted on another grid set."))
    now, then = Moments.of(subject.profile.inputs), Moments.of(subject.reference.inputs)
    if now is None:
        return too_few(0)
    components = None if then is None else Components.of(then)
    if components is None:
        text = _("The reference has no two numeric columns that vary, with 30 rows each.")
        return MetricValue.missing(text, n=int(now.rows.max(initial=0)))
    n = int(now.rows[np.ix_(components.kept, components.kept)].min())
    return answer(components.unexplained(now), n=n) if n >= METRIC.minimum else too_few(n)


METRIC = Metric(
    name="drift.multivariate",
    title=N_("Drift of columns together"),
    unit=Unit.SCORE,
    better=Better.NONE,
    formula=N_(
        "√(tr C − tr Pᵀ C P); C the mean of x xᵀ, x the numeric columns standardised by the reference, P the "
        "principal components that hold 65 % of its variance or more"
    ),
    source="Jolliffe, I. T. (2002), Principal Component Analysis, Springer; NannyML (2022), data "
    "reconstruction with PCA",
    misleads=N_(
        "Drift of single columns moves it as well, so look at them first. It sees only what is linear, and "
        "of the first 32 numeric columns by name. Compare it with its own past: the reference's level is "
        "not 0."
    ),
    compute=multivariate,
    needs=frozenset({Need.REFERENCE}),
    stored=True,
)
