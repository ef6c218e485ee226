"""How much a column matters to the model: what of the score's variance it tells by itself.

With n_b rows and mean score m_b in bin b of the column, n and m over all of them, s² the score's variance,

    η² = Σ n_b (m_b − m)² / (n s²),    ε² = 1 − (1 − η²)(n − 1) / (n − k)

η² of k bins is above 0 by chance alone; ε² (Kelley) is not. It is the column by itself: of two that say the
same both matter, and what counts only together with another column does not show.

Fisher, R. A. (1925), Statistical Methods for Research Workers (η); Kelley, T. L. (1935), 'An unbiased
correlation ratio measure', PNAS 21, 554–559 (ε).
"""

from core.profile import Inputs
from metrics.answers import LEAST_ROWS


def importance(reference: Inputs) -> dict[str, float]:
    """Return ε² of each column, 0–1; empty where the reference has no score that varies.

    >>> import numpy as np
    >>> score_by = {"age": np.array([[50.0, 10.0], [50.0, 40.0]])}
    >>> inputs = Inputs(score_by=score_by, score=np.array([[100]]), score_sum=50.0, score_squares=36.0)
    >>> {column: round(found, 2) for column, found in importance(inputs).items()}
    {'age': 0.82}
    """
    n = 0 if reference.score is None else int(reference.score.sum())
    if n < LEAST_ROWS:
        return {}
    mean = reference.score_sum / n
    variance = reference.score_squares / n - mean**2
    if variance <= 1e-12 * max(mean**2, 1e-300):
        return {}
    found = {}
    for column, sums in reference.score_by.items():
        rows, total = sums[sums[:, 0] > 0].T
        if len(rows) < 1 or rows.sum() <= len(rows) + 1:
            continue
        of_all, own = float(rows.sum()), total / rows
        eta = float((rows * (own - total.sum() / of_all) ** 2).sum()) / (of_all * variance)
        found[column] = min(max(1 - (1 - eta) * (of_all - 1) / (of_all - len(rows)), 0.0), 1.0)
    return found
