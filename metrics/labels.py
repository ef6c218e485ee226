"""Counts of labels by class, score bin and predicted class."""

from dataclasses import dataclass

import numpy as np

from core.config.model import Task
from core.grid import Counts, Floats
from core.profile import SCORE_SUMS, Outcomes
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, LEAST_ROWS, too_few, too_few_of_class
from metrics.base import Subject


@dataclass(frozen=True, kw_only=True)
class ScoreCounts:
    """Labelled rows by score bin, lowest first: int64 [bins] each."""

    positive: Counts
    negative: Counts


@dataclass(frozen=True, kw_only=True)
class Table:
    """The four cells of a binary confusion matrix."""

    tp: int
    fp: int
    fn: int
    tn: int


def score_counts(outcomes: Outcomes) -> ScoreCounts:
    """Return labelled rows by score bin, summed over the predicted class; empty without scores."""
    if outcomes.score_labelled is None or outcomes.score_positive is None:
        none = np.zeros(0, dtype=np.int64)
        return ScoreCounts(positive=none, negative=none)
    positive = outcomes.score_positive.sum(axis=0)
    return ScoreCounts(positive=positive, negative=outcomes.score_labelled.sum(axis=0) - positive)


def confusion(outcomes: Outcomes) -> Counts:
    """Return labelled rows [actual class, predicted class]; empty where there are none."""
    return np.zeros((0, 0), dtype=np.int64) if outcomes.confusion is None else outcomes.confusion


def table(outcomes: Outcomes) -> Table:
    """Return the confusion matrix of a binary model."""
    cells = confusion(outcomes)
    if cells.shape != (2, 2):
        return Table(tp=0, fp=0, fn=0, tn=0)
    return Table(tp=int(cells[1, 1]), fp=int(cells[0, 1]), fn=int(cells[1, 0]), tn=int(cells[0, 0]))


def sums(outcomes: Outcomes) -> dict[str, float]:
    """Return the exact sums over labelled and scored rows by name (SCORE_SUMS)."""
    values = [0.0] * len(SCORE_SUMS) if outcomes.score_sums is None else outcomes.score_sums.tolist()
    return dict(zip(SCORE_SUMS, values, strict=True))


def lacking_scored(subject: Subject) -> MetricValue | None:
    """Answer why the scored labels do not suffice, None if they do."""
    found = sums(subject.profile.outcomes)
    n, positive = round(found["n"]), round(found["positive"])
    if n < LEAST_ROWS:
        return too_few(n)
    if subject.task is Task.BINARY and min(positive, n - positive) < LEAST_OF_CLASS:
        return too_few_of_class(n - positive, positive)
    return None


def lacking_classified(subject: Subject) -> MetricValue | None:
    """Answer why the classified labels do not suffice, None if they do."""
    cells = confusion(subject.profile.outcomes)
    n = int(cells.sum())
    if n < LEAST_ROWS:
        return too_few(n)
    if subject.task is Task.BINARY:
        negative, positive = (int(count) for count in cells.sum(axis=1))
        if min(negative, positive) < LEAST_OF_CLASS:
            return too_few_of_class(negative, positive)
    return None


def class_f1(cells: Counts) -> tuple[Floats, Floats]:
    """Return F1 and number of labels of each class that occurs among labels or predictions."""
    hits = cells.diagonal().astype(np.float64)
    labels, predicted = cells.sum(axis=1).astype(np.float64), cells.sum(axis=0).astype(np.float64)
    seen = labels + predicted > 0
    return 2 * hits[seen] / (labels + predicted)[seen], labels[seen]
