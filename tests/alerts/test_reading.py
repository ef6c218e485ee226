"""What a model's windows are compared with, read from the store."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

import alerts.baseline
from alerts.baseline import baseline_of
from alerts.defaults import rules_of
from alerts.findings import evidence_of, finding_of
from alerts.reading import read_known
from alerts.series import Known, judge_all
from core.config import Project, load
from core.values import MetricPoint, ValueState
from core.windows import Grain
from store.database import Store
from store.references import current_reference
from tests.goalkeeper import small

KPI = "business.conversion"


def collected(folder: Path, **model: object) -> tuple[Project, Store]:
    """Collect the small project with other keys of its model."""
    path = small.write(folder)
    body = yaml.safe_load(path.read_text())
    body["models"]["lead"].update(model)
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    _project, store, result = small.collect(path)
    assert not result.failed, result
    return load(path), store


def baseline(project: Project, store: Store, metric: str) -> list[MetricPoint]:
    with store.read() as session:
        reference = current_reference(session, "lead")
        assert reference is not None
        found = baseline_of(session, project, project.models["lead"], reference)
    return [point for point in found.points[metric] if not point.segment and not point.column]


def known(project: Project, store: Store) -> Known:
    model = project.models["lead"]
    with store.read() as session:
        return read_known(session, project, model, rules_of(model), small.NOW)


@pytest.mark.parametrize(
    ("grain", "days", "count"), [(Grain.DAY, 1, 21), (Grain.WEEK, 7, 3)], ids=["days", "weeks"]
)
def test_a_baseline_is_counted_in_windows_of_the_models_own_grain(
    tmp_path: Path, grain: Grain, days: int, count: int
) -> None:
    reference = {"from": "2026-03-02", "to": "2026-03-23"}
    project, store = collected(tmp_path, grain=grain.value, service_grain=grain.value, reference=reference)

    found = baseline(project, store, KPI)

    assert [point.window.start for point in found] == [
        small.START + timedelta(days=days * at) for at in range(count)
    ]
    assert {point.window.grain for point in found} == {grain}
    assert {point.window.end - point.window.start for point in found} == {timedelta(days=days)}
    assert {point.value.n for point in found} == {small.A_DAY * days}
    kept = {point.window: point.value for point in known(project, store).points[KPI]}
    assert all(kept[point.window] == point.value for point in found)
    store.close()


def test_a_reference_of_the_log_tells_nothing_of_outcomes_that_were_unripe_when_it_was_counted(
    tmp_path: Path,
) -> None:
    reference = {"from": "2026-03-02", "to": "2026-03-30"}
    truth = {"path": "truth.parquet", "columns": {"id": "id", "time": "known_at", "label": "y"}}
    project, store = collected(tmp_path, reference=reference, ground_truth=truth | {"maturity": "5d"})

    states = [point.value.state for point in baseline(project, store, KPI)]
    rows = [point.value.state for point in baseline(project, store, "quality.rows")]

    assert states == [ValueState.OK] * 23 + [ValueState.IMMATURE] * 5
    assert rows == [ValueState.OK] * 27 + [ValueState.OK]
    store.close()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"rolling": "14d"}, "the 14 days before each window"),
        ({"same_period": "last_year"}, "the same period a year earlier"),
    ],
    ids=["rolling", "last year"],
)
def test_a_reference_that_moves_has_no_fixed_baseline(
    tmp_path: Path, reference: dict[str, str], words: str
) -> None:
    project, store = collected(tmp_path, reference=reference)
    model = project.models["lead"]

    found = known(project, store)
    judged = judge_all(found, rules_of(model))
    firing = next(one for one in judged if one.line.current is not None)
    assert firing.line.current is not None
    with store.read() as session:
        told = evidence_of(session, found, judged, [finding_of(firing, firing.line.current)])

    assert not found.baseline.points
    assert firing.key.rule == "service.error_share"
    assert told.reference == words
    store.close()


def test_another_process_does_not_measure_the_reference_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, store = collected(tmp_path)
    measured = known(project, store).baseline

    monkeypatch.setattr(alerts.baseline, "_held", {})
    monkeypatch.setattr(alerts.baseline, "measure", None)
    kept = known(project, store).baseline

    assert measured.points
    assert kept == measured
    store.close()
