"""Sums of a regression's errors by name."""

from core.profile import ERROR_SUMS
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, too_few
from metrics.base import Subject
from metrics.scores import middles


def sums(subject: Subject) -> dict[str, float]:
    """Return the exact sums over labelled rows by name (ERROR_SUMS); e = prediction − label."""
    found = subject.profile.outcomes.error_sums
    values = [0.0] * len(ERROR_SUMS) if found is None else found.tolist()
    return dict(zip(ERROR_SUMS, values, strict=True))


def lacking(subject: Subject, of: str = "n") -> MetricValue | None:
    """Answer why there are not enough labels, None if there are."""
    n = round(sums(subject)[of])
    return too_few(n) if n < LEAST_ROWS else None


def squared_error_variance(subject: Subject) -> float | None:
    """Return the variance of e² from the error grid, bins taken at their middle; None without one."""
    grid, counts = subject.grids.errors, subject.profile.outcomes.errors
    if grid is None or counts is None or counts.sum() == 0:
        return None
    squares = middles(grid) ** 2
    share = counts / counts.sum()
    return float((share * squares**2).sum() - (share * squares).sum() ** 2)
