"""What every metric keeps, whoever wrote it: found by discovery, crossed with checks."""

import ast
import doctest
import inspect
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codec import encode
from core.config.model import Task
from core.errors import GoalkeeperError
from core.grid import LATENCY
from core.profile import ColumnSummary, Inputs, Outcomes, Profile
from core.values import MetricValue, ValueState
from metrics import examples, promised
from metrics.base import SCORE, Better, Kind, Metric, Per, Subject, Unit
from metrics.registry import all_metrics

METRICS = all_metrics()
NAMES = sorted(METRICS)


def subjects(metric: Metric) -> list[Subject]:
    """Return the examples that a metric can look at."""
    if metric.per is Per.KPI:
        return [examples.kpi(), examples.kpi("mean")]
    if metric.per is Per.COLUMN:
        named = {Kind.NUMERIC: "age", Kind.CATEGORICAL: "city"}
        return [examples.column(name) for kind, name in named.items() if kind in metric.kinds]
    if metric.tasks == frozenset(Task):
        return [examples.served(), examples.binary()]
    if metric.family == "estimated":
        return [promised.numbers() if Task.REGRESSION in metric.tasks else promised.scores()]
    by_task = {
        Task.BINARY: examples.binary,
        Task.MULTICLASS: examples.multiclass,
        Task.REGRESSION: examples.regression,
    }
    return [build() for task, build in by_task.items() if task in metric.tasks]


def blank(subject: Subject) -> Subject:
    """Return the same place with an empty profile."""
    return replace(subject, profile=Profile(grid_set=subject.grids.id))


def numbers(value: MetricValue) -> Iterator[float]:
    for one in (value.value, value.lower, value.upper, value.numerator, value.denominator):
        if one is not None:
            yield one


def check(value: MetricValue) -> None:
    """Fail on anything that is not a proper answer."""
    assert all(math.isfinite(one) and type(one) is float for one in numbers(value)), value
    assert (value.value is None) == (value.state is not ValueState.OK), value
    assert bool(value.reason) == (value.state is not ValueState.OK), value
    assert type(value.n) is int and value.n >= 0
    if value.value is not None and value.lower is not None and value.upper is not None:
        assert value.lower - 1e-9 <= value.value <= value.upper + 1e-9, value


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_everything(name: str) -> None:
    metric = METRICS[name]

    assert metric.name == name
    assert metric.title and metric.formula and metric.misleads and metric.source
    assert isinstance(metric.unit, Unit) and isinstance(metric.better, Better)
    assert metric.tasks and metric.kinds and metric.minimum >= 1 and metric.version >= 1
    assert any(char.isdigit() for char in metric.source), "a source names its year"
    assert metric.compute.__name__ == name.partition(".")[2]


@pytest.mark.parametrize("name", NAMES)
def test_its_file_explains_it_and_marks_its_texts(name: str) -> None:
    path = Path(inspect.getsourcefile(METRICS[name].compute) or "")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    declared = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRIC"
    )
    assert isinstance(declared, ast.Call)
    texts = {word.arg: ast.unparse(word.value) for word in declared.keywords}

    for text in ("title", "formula", "misleads"):
        assert texts[text].startswith("N_("), f"{text} is not marked for translation"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 150
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("name", NAMES)
def test_its_example_runs(name: str) -> None:
    function = METRICS[name].compute
    found = doctest.DocTestFinder(recurse=False).find(function, name, module=sys.modules[function.__module__])
    assert found and found[0].examples, "no example"
    assert (function.__doc__ or "").splitlines()[0].endswith("."), "no summary line"
    assert "interval" in (function.__doc__ or "").lower(), "says nothing of its interval"

    failed, _tried = doctest.DocTestRunner(verbose=False).run(found[0])

    assert failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_the_examples(name: str) -> None:
    looked_at = subjects(METRICS[name])
    assert looked_at
    for subject in looked_at:
        check(METRICS[name].compute(subject))


@pytest.mark.parametrize("name", NAMES)
def test_it_has_not_enough_data_in_an_empty_profile(name: str) -> None:
    for subject in subjects(METRICS[name]):
        for empty in (blank(subject), replace(blank(subject), reference=None, kpi=None)):
            found = METRICS[name].compute(empty)
            assert found.value is None
            assert found.state is ValueState.NOT_ENOUGH_DATA
            assert found.reason


@pytest.mark.parametrize("name", NAMES)
def test_it_ignores_an_empty_profile_merged_in(name: str) -> None:
    for subject in subjects(METRICS[name]):
        empty = Profile(grid_set=subject.grids.id)
        for merged in (subject.profile.merge(empty), empty.merge(subject.profile)):
            assert METRICS[name].compute(replace(subject, profile=merged)) == METRICS[name].compute(subject)


@pytest.mark.parametrize("name", NAMES)
def test_it_changes_nothing_and_repeats_itself(name: str) -> None:
    for subject in subjects(METRICS[name]):
        kept = [subject.profile] + ([subject.reference] if subject.reference else [])
        before = [encode(part) for one in kept for part in (one.inputs, one.outcomes)]

        first, second = METRICS[name].compute(subject), METRICS[name].compute(subject)

        assert first == second
        assert [encode(part) for one in kept for part in (one.inputs, one.outcomes)] == before


@st.composite
def odd_profiles(draw: st.DrawFn) -> Profile:
    """Make consistent but lopsided profiles: one class, one bin, nothing beyond the grid, much beyond it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([0, 1, 5, 31, 400, 100_000]))

    def counts(*shape: int) -> np.ndarray:
        weights = rng.random(shape) * (rng.random(shape) < draw(st.sampled_from([0.1, 0.5, 1.0])))
        share = weights / weights.sum() if weights.sum() else np.full(shape, 1 / weights.size)
        return rng.multinomial(size, share.ravel()).reshape(shape).astype(np.int64)

    labelled = counts(2, 7)
    positive = rng.binomial(labelled, draw(st.sampled_from([0.0, 0.02, 0.5, 1.0])))
    n, hits = float(labelled.sum()), float(positive.sum())
    p = rng.random() * n
    sums = np.array([n, rng.random() * n, rng.random() * n, p, p * 0.1, hits, rng.random() * n, 0.0])
    error = rng.normal(size=4) * size
    kpi = np.zeros((9, 6))
    kpi[3] = [size, hits, n, hits, n, hits]
    columns = {
        "age": ColumnSummary(
            counts=counts(6), missing=int(rng.integers(3)) * size, total=40.0 * size, squares=1700.0 * size,
            minimum=20.0 if size else None, maximum=draw(st.sampled_from([60.0, 1e9])) if size else None,
        ),
        "city": ColumnSummary(counts=counts(4)),
    }  # fmt: skip
    return Profile(
        grid_set=examples.served().grids.id,
        inputs=Inputs(
            rows=size, errors=int(rng.integers(size + 1)), latency=counts(LATENCY.bins), columns=columns,
            score=labelled, score_sum=p, score_squares=p,
        ),
        outcomes=Outcomes(
            rows=size, labelled=size, score_labelled=labelled, score_positive=positive, score_sums=sums,
            confusion=counts(2, 2), errors=counts(6), kpis={"call_conversion": kpi},
            error_sums=np.array(
                [size, error[0], abs(error[1]), error[2] ** 2, error[3], error[3] ** 2, size, 0]
            ),
        ),
    )  # fmt: skip


@settings(max_examples=60)
@given(profile=odd_profiles(), reference=odd_profiles())
def test_it_never_answers_with_something_that_is_no_number(profile: Profile, reference: Profile) -> None:
    for metric in METRICS.values():
        for subject in subjects(metric):
            for column in {"": [""], subject.column: [subject.column, SCORE]}[subject.column]:
                asked = replace(subject, profile=profile, reference=reference, column=column)
                check(metric.compute(asked))


def test_it_finds_the_metrics_that_the_rules_and_pages_name() -> None:
    families = {name.partition(".")[0] for name in NAMES}

    assert families == {"service", "quality", "drift", "estimated", "performance", "business"}
    assert {
        "service.requests", "service.latency_p95_ms", "quality.join_coverage", "quality.unseen",
        "drift.jensen_shannon", "drift.psi", "performance.calibration", "performance.log_loss",
        "performance.mae", "performance.ece", "business.value_per_prediction", "business.goal_progress",
    } <= set(NAMES)  # fmt: skip


def test_it_finds_a_metric_of_the_project(tmp_path: Path) -> None:
    own = tmp_path / "metrics" / "quality" / "half.py"
    own.parent.mkdir(parents=True)
    source = Path(inspect.getsourcefile(METRICS["quality.rows"].compute) or "").read_text(encoding="utf-8")
    own.write_text(source.replace("quality.rows", "quality.half"), encoding="utf-8")

    assert "quality.half" in all_metrics([tmp_path])
    assert "quality.half" not in all_metrics()


@pytest.mark.parametrize(
    ("text", "says"),
    [("A = 1\n", "declares no METRIC"), ("", "declares no METRIC"), ("name", "declares the name")],
)
def test_it_says_what_is_wrong_with_a_metric_file(tmp_path: Path, text: str, says: str) -> None:
    own = tmp_path / "metrics" / "quality" / "half.py"
    own.parent.mkdir(parents=True)
    source = Path(inspect.getsourcefile(METRICS["quality.rows"].compute) or "").read_text(encoding="utf-8")
    own.write_text(source if text == "name" else text, encoding="utf-8")

    with pytest.raises(GoalkeeperError, match=says):
        all_metrics([tmp_path])
