"""Small profiles beside a labelled reference that the examples of estimated metrics look at."""

from dataclasses import replace

import numpy as np

from core.profile import Inputs, Outcomes, Profile
from metrics.base import Subject
from metrics.examples import binary, regression


def scores() -> Subject:
    """Return 100 rows scored 0.1, 0.5 and 0.9 beside a reference of 200 whose scores promised too much."""
    said = np.array([[0, 20, 0, 0, 0, 0, 0], [0, 0, 0, 20, 0, 60, 0]])
    nobody = np.zeros(7, dtype=np.int64)
    reference = Outcomes(
        rows=200, labelled=200, score_labelled=np.array([[0, 60, 0, 80, 0, 60, 0], nobody]),
        score_positive=np.array([[0, 3, 0, 20, 0, 42, 0], nobody]),
    )  # fmt: skip
    return _beside(binary(), said, reference)


def numbers() -> Subject:
    """Return 100 predictions, half of them where the reference was off by 1 and half where it was by 3."""
    said = np.array([[0, 50, 0, 50, 0, 0, 0]])
    bins = np.zeros((7, 3))
    bins[1], bins[3] = (40, 40, 50), (40, 120, 380)
    return _beside(regression(), said, Outcomes(rows=80, labelled=80, error_bins=bins))


def _beside(subject: Subject, said: np.ndarray, reference: Outcomes) -> Subject:
    grids = subject.grids.id
    return replace(
        subject,
        profile=Profile(grid_set=grids, inputs=Inputs(rows=100, score=said)),
        reference=Profile(grid_set=grids, outcomes=reference),
    )
