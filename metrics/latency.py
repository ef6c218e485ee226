"""Percentiles of the latency from counts in log-spaced bins."""

import numpy as np

from core.grid import LATENCY, Counts, Floats
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, too_few
from metrics.base import Subject
from metrics.intervals import Limits, ranks


def percentile(subject: Subject, share: float) -> MetricValue:
    """Answer with a percentile in ms, within 1 % of the exact one, and its order-statistic interval.

    Ranks are counted as by `numpy.percentile`: position share · (n − 1), linear between two rows.
    """
    counts = subject.profile.inputs.latency
    n = 0 if counts is None else int(counts.sum())
    # with less than three rows beyond it, a percentile is the maximum under another name
    minimum = max(LEAST_ROWS, round(3 / (1 - share)))
    if counts is None or n < minimum:
        return too_few(n, minimum)
    position = share * (n - 1)
    low = int(position)
    below, above = _at(counts, np.array([low, min(low + 1, n - 1)]))
    lower, upper = _at(counts, np.array(ranks(n, share)))
    return answer(
        below + (position - low) * (above - below), n=n, limits=Limits(lower=float(lower), upper=float(upper))
    )


def _at(counts: Counts, rank: Counts) -> Floats:
    """Return the latency of rows by rank (0 … n−1): the geometric middle of their bin."""
    edges = LATENCY.edges
    middles = np.concatenate([edges[:1], np.sqrt(edges[1:] * edges[:-1]), edges[-1:]])
    return middles[np.searchsorted(np.cumsum(counts), rank, side="right")]
