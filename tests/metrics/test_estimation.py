"""Performance before labels agrees with what is expected of the raw rows, and says when it cannot know."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import metrics as sk

from core.config.model import Task
from core.errors import NotComparableError
from core.grid import GridSet, NumericGrid
from core.profile import Inputs, Outcomes, Profile
from core.values import MetricValue, ValueState
from metrics.base import Part, Subject
from metrics.estimation import chances
from metrics.registry import all_metrics
from tests.metrics import counted

Floats = NDArray[np.float64]
BINARY = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
GRID = NumericGrid(edges=np.linspace(0, 1, 11))


def estimated(name: str, window: Profile, reference: Profile | None, grids: GridSet) -> MetricValue:
    task = Task.REGRESSION if name == "mae" else Task.BINARY
    subject = Subject(profile=window, grids=grids, reference=reference, task=task)
    return all_metrics()[f"estimated.{name}"].compute(subject)


def labels(rng: np.random.Generator, chance: Floats) -> NDArray[np.int64]:
    return (rng.random(len(chance)) < chance).astype(np.int64)


def grids_of(scores: Floats) -> GridSet:
    return GridSet(columns={}, score=counted.score_grid(scores), classes=("no", "yes"))


def unlabelled(profile: Profile) -> Profile:
    return Profile(grid_set=profile.grid_set, inputs=profile.inputs)


def realised(name: str, truth: NDArray[np.int64], scores: Floats, weight: Floats | None = None) -> float:
    """Return what scikit-learn says of raw rows answered at 0.5."""
    said = (scores >= 0.5).astype(np.int64)
    oracle = {
        "accuracy": sk.accuracy_score, "precision": sk.precision_score, "recall": sk.recall_score,
        "f1": sk.f1_score, "roc_auc": sk.roc_auc_score, "log_loss": sk.log_loss,
    }[name]  # fmt: skip
    told = scores if name in ("roc_auc", "log_loss") else said
    return float(oracle(truth, told, sample_weight=weight))


def expected(name: str, chance: Floats, scores: Floats) -> float:
    """Return a metric over every row twice: as a positive with its chance, as a negative with the rest."""
    twice = np.concatenate([np.ones(len(chance), dtype=np.int64), np.zeros(len(chance), dtype=np.int64)])
    return realised(name, twice, np.tile(scores, 2), np.concatenate([chance, 1 - chance]))


def bent(logit: Floats) -> Floats:
    """Return the chance behind scores that are too sure of themselves and too low."""
    return expit(logit / 1.7 + 0.3)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("truth", [expit, bent], ids=["calibrated", "too sure"])
def test_it_expects_what_the_raw_rows_lead_to_expect(name: str, truth: Callable[[Floats], Floats]) -> None:
    rng = np.random.default_rng(5)
    before, now = rng.normal(0, 1.6, 60_000), rng.normal(0.6, 1.3, 20_000)
    grids = grids_of(expit(before))
    reference = counted.binary(expit(before), labels(rng, truth(before)), grids)
    window = unlabelled(counted.binary(expit(now), labels(rng, truth(now)), grids))

    found = estimated(name, window, reference, grids)

    assert found.value == pytest.approx(expected(name, truth(now), expit(now)), abs=0.006)
    assert found.n == 20_000
    if truth is bent:
        as_said = expected(name, expit(now), expit(now))
        assert abs(as_said - expected(name, truth(now), expit(now))) > 0.015, "the calibration has work to do"


@pytest.mark.parametrize("name", BINARY)
def test_its_interval_holds_what_comes_true_in_95_of_100_windows(name: str) -> None:
    rng = np.random.default_rng(17)
    before = rng.normal(-0.5, 1.6, 20_000)
    grids = grids_of(expit(before))
    reference = counted.binary(expit(before), labels(rng, expit(before)), grids)
    inside, runs = 0, 600

    for _run in range(runs):
        now = rng.normal(-0.5, 1.6, 500)
        truth = labels(rng, expit(now))
        found = estimated(name, unlabelled(counted.binary(expit(now), truth, grids)), reference, grids)
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower <= realised(name, truth, expit(now)) <= found.upper

    assert 0.925 <= inside / runs <= 0.975


def test_it_sees_drift_of_the_inputs_and_not_of_the_concept() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(0, 2, 20_000)
    harder = rng.normal(0, 0.5, 20_000)
    grids = grids_of(expit(before))
    reference = counted.binary(expit(before), labels(rng, expit(before)), grids)
    turned = counted.binary(expit(before), labels(rng, expit(-before)), grids)

    usual = estimated("accuracy", reference, reference, grids).value
    drifted = estimated("accuracy", counted.binary(expit(harder), labels(rng, expit(harder)), grids),
                        reference, grids).value  # fmt: skip

    assert usual is not None
    assert drifted is not None
    assert drifted < usual - 0.1
    assert estimated("accuracy", turned, reference, grids).value == pytest.approx(usual)


def test_calibrated_scores_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(5000)
    grids = grids_of(scores)
    assert grids.score is not None

    learnt = chances(counted.binary(scores, labels(rng, scores), grids), grids.score)
    corrected = chances(counted.binary(scores, labels(rng, scores**2), grids), grids.score)

    assert learnt is not None
    assert corrected is not None
    middle = grids.score.locate(np.array([0.5]))[0]
    assert learnt[middle] == pytest.approx(0.5, abs=0.005)
    assert corrected[middle] == pytest.approx(0.25, abs=0.06)


def test_a_shift_of_all_scores_is_no_calibration() -> None:
    rng = np.random.default_rng(2)
    logit = rng.normal(0, 1.5, 5000)
    grids = grids_of(expit(logit))
    assert grids.score is not None

    learnt = chances(counted.binary(expit(logit), labels(rng, expit(logit + 0.4)), grids), grids.score)

    assert learnt is not None
    assert learnt[grids.score.locate(np.array([0.5]))[0]] == pytest.approx(expit(0.4), abs=0.06)


@given(
    rows=arrays(np.int64, GRID.bins, elements=st.integers(0, 400)),
    shares=arrays(np.float64, GRID.bins, elements=st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0])),
)
def test_chances_never_fall_and_are_never_certain_of_a_bin_that_is_not(
    rows: NDArray[np.int64], shares: Floats
) -> None:
    positive = np.round(rows * shares).astype(np.int64)
    none = np.zeros_like(rows)
    outcomes = Outcomes(score_labelled=np.array([rows, none]), score_positive=np.array([positive, none]))
    learnt = chances(Profile(grid_set="g", outcomes=outcomes), GRID)

    if min(positive.sum(), (rows - positive).sum()) < 10 or rows.sum() < 30:
        assert learnt is None
    else:
        assert learnt is not None
        assert (np.diff(learnt) >= -1e-12).all()
        inner = learnt[1:-1]
        assert ((inner > 0) & (inner < 1)).all()


def test_a_reference_is_learnt_from_once_and_let_go_with_its_profile() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(500)
    grids = grids_of(scores)
    assert grids.score is not None
    reference = counted.binary(scores, labels(rng, scores), grids)

    assert chances(reference, grids.score) is chances(reference, grids.score)

    gone = weakref.ref(reference)
    del reference
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    ("size", "positives", "says"),
    [(29, 12, "too few labels: 30, and 10 of each class"), (500, 9, "too few labels"), (0, 0, "too few")],
)
def test_it_says_that_the_reference_has_too_few_labels(
    name: str, size: int, positives: int, says: str
) -> None:
    scores = np.linspace(0.01, 0.99, 600)
    grids = grids_of(scores)
    window = counted.binary(scores, np.arange(600) % 2, grids)
    reference = counted.binary(scores[:size], (np.arange(size) < positives).astype(np.int64), grids)

    found = estimated(name, window, reference, grids)

    assert found.state is ValueState.NOT_ENOUGH_DATA
    assert says in found.reason
    assert found.n == 600


@pytest.mark.parametrize("name", [*BINARY, "mae"])
def test_it_says_what_else_is_missing(name: str) -> None:
    scores = np.linspace(0.01, 0.99, 600)
    grids = grids_of(scores)
    whole = counted.binary(scores, np.arange(600) % 2, grids)
    few = counted.binary(scores[:29], np.arange(29) % 2, grids)

    assert "no reference" in estimated(name, whole, None, grids).reason
    assert "29 rows, 30 are needed" in estimated(name, few, whole, grids).reason
    with pytest.raises(NotComparableError):
        estimated(name, whole, replace(whole, grid_set="other"), grids)


@pytest.mark.parametrize(
    ("name", "says"),
    [("precision", "0 rows, 30 are needed"), ("recall", "rows, 10 are needed"),
     ("roc_auc", "10 of each are needed")],
)  # fmt: skip
def test_it_needs_enough_to_divide_by(name: str, says: str) -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(5000)
    grids = grids_of(scores)
    reference = counted.binary(scores, labels(rng, scores), grids)
    low = counted.binary(np.full(100, 0.03), np.zeros(100, dtype=np.int64), grids)

    found = estimated(name, low, reference, grids)

    assert found.state is ValueState.NOT_ENOUGH_DATA
    assert says in found.reason


def test_it_needs_no_label_of_the_window() -> None:
    metrics = [one for one in all_metrics().values() if one.family == "estimated"]

    assert {one.name.partition(".")[2] for one in metrics} == {*BINARY, "mae"}
    assert {one.part for one in metrics} == {Part.INPUTS}
    stored = {"estimated.log_loss", "estimated.roc_auc", "estimated.mae"}
    assert {one.name for one in metrics if one.stored} == stored


def regression(predicted: Floats, truth: Floats | None, grids: GridSet) -> Profile:
    """Count predictions, and their errors by prediction bin."""
    assert grids.score is not None
    at = grids.score.locate(predicted)
    inputs = Inputs(rows=len(at), score=np.bincount(at, minlength=grids.score.bins).astype(np.int64)[None])
    if truth is None:
        return Profile(grid_set=grids.id, inputs=inputs)
    error = predicted - truth
    sums = np.zeros((grids.score.bins, 3))
    np.add.at(sums, at, np.stack([np.ones(len(at)), np.abs(error), error**2], axis=1))
    return Profile(grid_set=grids.id, inputs=inputs, outcomes=Outcomes(labelled=len(at), error_bins=sums))


@pytest.mark.parametrize("size", [3000, 30_000])
def test_it_expects_larger_errors_where_such_predictions_had_larger_ones(size: int) -> None:
    rng = np.random.default_rng(4)
    before, now = rng.gamma(4, 10, size), rng.gamma(8, 10, 5000)
    grids = GridSet(columns={}, score=counted.numeric_grid(before))
    reference = regression(before, before + rng.normal(size=size) * (1 + before / 20), grids)

    found = estimated("mae", regression(now, None, grids), reference, grids)

    truth = (1 + now / 20).mean() * np.sqrt(2 / np.pi)
    assert found.value == pytest.approx(truth, rel=0.08)
    assert estimated("mae", reference, reference, grids).value < truth * 0.7


def test_its_interval_holds_the_mean_absolute_error_in_95_of_100_windows() -> None:
    rng = np.random.default_rng(6)
    before = rng.gamma(4, 10, 50_000)
    grids = GridSet(columns={}, score=counted.numeric_grid(before))
    reference = regression(before, before + rng.normal(size=50_000) * (1 + before / 20), grids)
    inside, runs = 0, 600

    for _run in range(runs):
        now = rng.gamma(4, 10, 300)
        error = np.abs(rng.normal(size=300) * (1 + now / 20)).mean()
        found = estimated("mae", regression(now, None, grids), reference, grids)
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower <= error <= found.upper

    assert 0.925 <= inside / runs <= 0.975


def test_it_says_that_the_reference_holds_no_errors() -> None:
    predicted = np.linspace(0, 10, 300)
    grids = GridSet(columns={}, score=counted.numeric_grid(predicted))

    found = estimated("mae", regression(predicted, None, grids), regression(predicted, None, grids), grids)

    assert found.state is ValueState.NOT_ENOUGH_DATA
    assert found.reason == "The reference has 0 labels, 30 are needed."
