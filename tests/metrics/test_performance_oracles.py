"""Performance from counts equals what scikit-learn says of the raw rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from core.config.model import Task
from core.grid import GridSet, NumericGrid
from core.profile import Profile
from core.values import MetricValue
from metrics.base import Subject
from metrics.registry import all_metrics
from metrics.scores import bands
from tests.metrics import counted

EXACT = 1e-6


def value(name: str, profile: Profile, grids: GridSet, task: Task = Task.BINARY) -> float:
    found = measured(name, profile, grids, task).value
    assert found is not None
    return found


def measured(name: str, profile: Profile, grids: GridSet, task: Task = Task.BINARY) -> MetricValue:
    return all_metrics()[name].compute(Subject(profile=profile, grids=grids, task=task))


@pytest.fixture(scope="module")
def delays(flights: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, GridSet]:
    """Return scores and labels of April to December for 'arrives over 15 minutes late'."""
    known = flights.dropna(subset=["arr_delay", "dep_delay", "air_time"])
    features = known[["dep_delay", "distance", "air_time", "hour"]].to_numpy(dtype=np.float64)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    late, early = (known["arr_delay"] > 15).to_numpy(dtype=np.int64), (known["month"] <= 3).to_numpy()
    model = LogisticRegression().fit(features[early], late[early])
    scores = model.predict_proba(features)[:, 1]
    grids = GridSet(columns={}, score=counted.score_grid(scores[early]), classes=("no", "yes"))
    return scores[~early], late[~early], grids


@pytest.fixture(scope="module")
def rare() -> tuple[np.ndarray, np.ndarray, GridSet]:
    """Return a model of an event that one row in a thousand has."""
    rng = np.random.default_rng(7)
    labels = (rng.random(400_000) < 0.001).astype(np.int64)
    signal = rng.normal(size=400_000) + 1.6 * labels
    scores = 1 / (1 + np.exp(-(1.6 * signal - 0.5 * 1.6**2 + np.log(0.001 / 0.999))))
    grids = GridSet(columns={}, score=counted.score_grid(scores[:200_000]), classes=("no", "yes"))
    return scores[200_000:], labels[200_000:], grids


def test_it_ranks_flights_like_scikit_learn(delays: tuple[np.ndarray, np.ndarray, GridSet]) -> None:
    scores, labels, grids = delays
    profile = counted.binary(scores, labels, grids)

    assert value("performance.roc_auc", profile, grids) == pytest.approx(
        sk.roc_auc_score(labels, scores), abs=0.001
    )
    assert value("performance.pr_auc", profile, grids) == pytest.approx(
        sk.average_precision_score(labels, scores), abs=0.005
    )


def test_it_ranks_a_rare_event_like_scikit_learn(rare: tuple[np.ndarray, np.ndarray, GridSet]) -> None:
    scores, labels, grids = rare
    profile = counted.binary(scores, labels, grids)

    assert value("performance.roc_auc", profile, grids) == pytest.approx(
        sk.roc_auc_score(labels, scores), abs=0.001
    )
    assert value("performance.pr_auc", profile, grids) == pytest.approx(
        sk.average_precision_score(labels, scores), abs=0.005
    )
    assert value("performance.log_loss", profile, grids) == pytest.approx(
        sk.log_loss(labels, scores), abs=EXACT
    )


@pytest.mark.parametrize("which", ["delays", "rare"])
def test_it_scores_probabilities_like_scikit_learn(which: str, request: pytest.FixtureRequest) -> None:
    scores, labels, grids = request.getfixturevalue(which)
    profile = counted.binary(scores, labels, grids)

    assert value("performance.log_loss", profile, grids) == pytest.approx(
        sk.log_loss(labels, scores), abs=EXACT
    )
    assert value("performance.brier", profile, grids) == pytest.approx(
        sk.brier_score_loss(labels, scores), abs=EXACT
    )
    assert value("performance.calibration", profile, grids) == pytest.approx(
        labels.mean() - scores.mean(), abs=EXACT
    )


@pytest.mark.parametrize("which", ["delays", "rare"])
def test_it_finds_the_calibration_error_of_the_raw_rows(which: str, request: pytest.FixtureRequest) -> None:
    scores, labels, grids = request.getfixturevalue(which)
    band = bands(grids.score, 10)[grids.score.locate(scores)]
    gaps = [
        (band == one).mean() * abs(labels[band == one].mean() - scores[band == one].mean())
        for one in np.unique(band)
    ]

    found = value("performance.ece", counted.binary(scores, labels, grids), grids)

    assert found == pytest.approx(sum(gaps), abs=0.005)


def test_its_calibration_bands_are_tenths(delays: tuple[np.ndarray, np.ndarray, GridSet]) -> None:
    scores, labels, grids = delays
    share, mean = calibration_curve(labels, scores, n_bins=10, strategy="uniform")
    weight = np.histogram(scores, bins=np.linspace(0, 1, 11))[0] / len(scores)

    found = value("performance.ece", counted.binary(scores, labels, grids), grids)

    assert found == pytest.approx(float((weight * abs(share - mean)).sum()), abs=0.005)


def test_it_judges_decisions_like_scikit_learn(delays: tuple[np.ndarray, np.ndarray, GridSet]) -> None:
    scores, labels, grids = delays
    profile = counted.binary(scores, labels, grids, threshold=0.3)
    said = (scores >= 0.3).astype(np.int64)

    for name, oracle in {
        "accuracy": sk.accuracy_score,
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
    }.items():
        assert value(f"performance.{name}", profile, grids) == pytest.approx(oracle(labels, said), abs=EXACT)


def test_it_judges_classes_like_scikit_learn() -> None:
    digits = load_digits()
    model = LogisticRegression(max_iter=2000).fit(digits.data[:900] / 16, digits.target[:900])
    labels, chances = digits.target[900:], model.predict_proba(digits.data[900:] / 16)
    grids = GridSet(columns={}, classes=tuple(str(one) for one in range(10)))
    profile, said = counted.multiclass(chances, labels, grids), chances.argmax(axis=1)

    for name, expected in {
        "accuracy": sk.accuracy_score(labels, said),
        "macro_f1": sk.f1_score(labels, said, average="macro"),
        "weighted_f1": sk.f1_score(labels, said, average="weighted"),
        "log_loss": sk.log_loss(labels, chances),
    }.items():
        found = value(f"performance.{name}", profile, grids, Task.MULTICLASS)
        assert found == pytest.approx(expected, abs=EXACT), name


def test_it_measures_errors_like_scikit_learn(flights: pd.DataFrame) -> None:
    known = flights.dropna(subset=["arr_delay", "dep_delay"])
    labels = known["arr_delay"].to_numpy(dtype=np.float64)
    predicted = 1.02 * known["dep_delay"].to_numpy(dtype=np.float64) - 6.0
    grids = GridSet(columns={}, errors=counted.numeric_grid(predicted - labels))
    profile = counted.regression(predicted, labels, grids)
    held = labels != 0

    for name, expected in {
        "mae": sk.mean_absolute_error(labels, predicted),
        "rmse": sk.root_mean_squared_error(labels, predicted),
        "bias": float((predicted - labels).mean()),
        "r2": sk.r2_score(labels, predicted),
        "mape": sk.mean_absolute_percentage_error(labels[held], predicted[held]),
    }.items():
        found = value(f"performance.{name}", profile, grids, Task.REGRESSION)
        assert found == pytest.approx(expected, abs=EXACT), name


def test_it_answers_for_merged_parts_what_it_answers_for_the_whole(
    delays: tuple[np.ndarray, np.ndarray, GridSet],
) -> None:
    scores, labels, grids = delays
    whole = counted.binary(scores, labels, grids)
    cuts = np.array_split(np.random.default_rng(3).permutation(len(scores)), 5)
    parts = [counted.binary(scores[cut], labels[cut], grids) for cut in cuts]
    merged = parts[3].merge(parts[0]).merge(parts[4].merge(parts[1])).merge(parts[2])

    for name, metric in all_metrics().items():
        if metric.family == "performance" and Task.BINARY in metric.tasks:
            a, b = measured(name, whole, grids), measured(name, merged, grids)
            assert a.value == pytest.approx(b.value, rel=1e-9), name
            assert a.n == b.n


def test_its_interval_of_the_roc_area_covers_as_promised() -> None:
    rng = np.random.default_rng(11)
    grids = GridSet(columns={}, score=counted.score_grid(rng.random(5000)), classes=("no", "yes"))
    true_area, inside, runs = stats.norm.cdf(1 / np.sqrt(2)), 0, 400

    for _run in range(runs):
        labels = (rng.random(400) < 0.3).astype(np.int64)
        scores = 1 / (1 + np.exp(-(rng.normal(size=400) + labels)))
        found = measured("performance.roc_auc", counted.binary(scores, labels, grids), grids)
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower <= true_area <= found.upper

    assert 0.92 <= inside / runs <= 0.98


def test_it_needs_ten_of_each_class(delays: tuple[np.ndarray, np.ndarray, GridSet]) -> None:
    scores, labels, grids = delays
    few = np.concatenate([np.flatnonzero(labels == 0)[:500], np.flatnonzero(labels == 1)[:9]])
    profile = counted.binary(scores[few], labels[few], grids)

    found = measured("performance.roc_auc", profile, grids)

    assert found.value is None
    assert found.n == 509
    assert "500 negative and 9 positive labels, 10 of each are needed" in found.reason


def test_it_says_nothing_of_labels_without_variance() -> None:
    labels = np.full(100, 3.0)
    grids = GridSet(columns={}, errors=NumericGrid(edges=np.array([-1.0, 0.0, 1.0])))
    profile = counted.regression(labels + 0.5, labels, grids)

    found = measured("performance.r2", profile, grids, Task.REGRESSION)

    assert found.value is None
    assert "no variance" in found.reason


def test_the_examples_add_up() -> None:
    from metrics.examples import binary

    subject = binary()
    scores = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 20)
    labels = np.concatenate([np.arange(20) < hits for hits in (1, 4, 7, 12, 16)]).astype(np.int64)
    again = counted.binary(scores, labels, subject.grids, threshold=0.6)

    for name, metric in all_metrics().items():
        if metric.family == "performance" and Task.BINARY in metric.tasks:
            expected = metric.compute(replace(subject, profile=again)).value
            assert metric.compute(subject).value == pytest.approx(expected), name
