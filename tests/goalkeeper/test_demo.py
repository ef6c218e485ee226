"""The simulated call centre is what its README states, the same each time, and goes on where it ended."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from goalkeeper.demo import story
from goalkeeper.demo.days import Calls, _calls_of, calls_of, known_on
from goalkeeper.demo.files import log_table, outcomes_table, write_day
from goalkeeper.demo.people import NUMERIC
from goalkeeper.demo.project import CONFIG
from goalkeeper.demo.releases import Releases, release
from goalkeeper.demo.scoring import versions
from goalkeeper.demo.train import fit

EXAMPLE = Path(__file__).parents[2] / "examples" / "call_centre"
BEFORE = [date(2026, 1, 12) + timedelta(days=n) for n in range(14)]
WITH_V2 = [date(2026, 3, 10) + timedelta(days=n) for n in range(14)]
WITH_SPRING = story.SPRING.days()[:14]
KNOWN = (2333, 1850, 164)
"""Calls, answered, converted on 10 April."""


def conversion(days: list[date]) -> float:
    found = [calls_of(day) for day in days]
    return float(sum(c.converted.sum() for c in found) / sum(c.answered.sum() for c in found))


def expected_minus_realised(days: list[date]) -> float:
    found = [calls_of(day) for day in days]
    scores = np.concatenate([c.model.answer_people(c.who)[0] for c in found])
    return float(scores.mean() - np.concatenate([c.converted for c in found]).mean())


def test_it_ends_on_the_morning_of_29_april_with_120_days_of_calls() -> None:
    assert len(story.LOG.days()) == 120
    assert story.morning_after(story.LOG.last).isoformat() == "2026-04-29T08:30:00+03:00"


def test_it_makes_the_same_day_again_from_nothing() -> None:
    first = calls_of(date(2026, 4, 10))
    _calls_of.cache_clear()
    versions.cache_clear()

    again = calls_of(date(2026, 4, 10))

    assert again is not first
    assert (again.called == first.called).all()
    assert (again.closed == first.closed).all()
    assert (again.converted == first.converted).all()
    assert (again.who.numeric["web_visits"] == first.who.numeric["web_visits"]).all()


def test_it_makes_known_figures_on_every_machine() -> None:
    calls = calls_of(date(2026, 4, 10))

    assert (len(calls), int(calls.answered.sum()), int(calls.converted.sum())) == KNOWN


def test_it_scores_the_same_in_batches_as_at_once_and_measures_each() -> None:
    calls = calls_of(BEFORE[0])

    scores, took = versions()["v1"].serve(calls.who)

    assert (scores == versions()["v1"].answer_people(calls.who)[0]).all()
    assert (took > 0).all()


def test_conversion_starts_near_10_percent_rises_with_v2_and_falls_below_the_start_with_the_campaign() -> (
    None
):
    assert conversion(BEFORE) == pytest.approx(0.104, abs=0.01)
    assert conversion(WITH_V2) == pytest.approx(0.142, abs=0.01)
    assert conversion(WITH_SPRING) == pytest.approx(0.081, abs=0.01)


def test_both_versions_are_calibrated_until_the_campaign_comes() -> None:
    assert abs(expected_minus_realised(BEFORE)) < 0.01
    assert abs(expected_minus_realised(WITH_V2)) < 0.01
    assert expected_minus_realised(WITH_SPRING) > 0.05


def test_the_column_is_missing_in_one_region_on_the_stated_days_alone() -> None:
    for day in (story.MISSING.first, story.MISSING.last):
        log = log_table(calls_of(day))
        south = pc.equal(log["region"], story.MISSING_REGION)
        missing = pc.is_null(log[story.MISSING_COLUMN])
        assert missing.equals(south)
    for day in (story.MISSING.first - timedelta(days=1), story.MISSING.last + timedelta(days=1)):
        assert log_table(calls_of(day))[story.MISSING_COLUMN].null_count == 0


def test_the_service_fails_on_the_stated_hours_alone() -> None:
    def failed(calls: Calls, hours: range) -> float:
        local = (calls.called // 3_600_000_000 + 3) % 24
        return float((~calls.scored)[np.isin(local, list(hours))].mean())

    burst = calls_of(story.ERRORS_ON)

    assert failed(burst, story.ERROR_HOURS) == pytest.approx(story.ERROR_SHARE, abs=0.06)
    assert failed(burst, range(9, 14)) < 0.02
    assert failed(calls_of(story.ERRORS_ON + timedelta(days=1)), story.ERROR_HOURS) < 0.02


def test_every_outcome_becomes_known_once_and_within_seven_days() -> None:
    day = date(2026, 1, 20)
    calls = calls_of(day)
    seen = np.zeros(len(calls), dtype=int)
    for later in range(9):
        for found, known in known_on(day + timedelta(days=later)):
            if found.day == day:
                seen += known

    assert (seen == 1).all()
    delay = (calls.closed - calls.called) / 3_600_000_000
    assert delay.max() < 7 * 24
    assert 0.4 < (delay < 6).mean() < 0.6
    assert (delay > 4 * 24).mean() > 0.03


def test_a_day_of_outcomes_holds_what_became_known_on_that_day() -> None:
    table = outcomes_table(date(2026, 1, 20))
    local = pc.add(table["closed_at"], pc.cast(timedelta(hours=3), "duration[us]"))

    assert pc.all(pc.equal(pc.cast(local, "date32"), date(2026, 1, 20))).as_py()
    assert len(set(table["call_id"].to_pylist())) == len(table)


def test_the_log_has_the_columns_that_the_project_names() -> None:
    table = log_table(calls_of(BEFORE[0]))

    assert set(NUMERIC) <= set(table.column_names)
    for name in ("call_id", "called_at", "model_version", "p_convert", "latency_ms", "status"):
        assert f": {name}" in CONFIG


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    write_day(tmp_path, BEFORE[0])
    file = tmp_path / "logs" / "predictions" / f"{BEFORE[0]}.parquet"
    before = file.read_bytes(), file.stat().st_mtime_ns

    write_day(tmp_path, BEFORE[0])

    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_the_example_is_the_project_that_the_demo_writes() -> None:
    assert (EXAMPLE / "goalkeeper.yaml").read_text() == CONFIG


def test_a_version_trained_with_the_campaign_told_apart_brings_conversion_back(tmp_path: Path) -> None:
    days = [
        date(2026, 2, 10),
        *(date(2026, 3, 20) + timedelta(days=at) for at in range(5)),
        story.SPRING.first,
    ]
    rows = pd.concat([_learnt_from(day) for day in days])
    since = datetime.combine(story.SPRING.first, time(), tzinfo=story.ZONE)

    model = fit(rows, "v3", story.SPRING_NAME, since)
    release(tmp_path, model, date(2026, 4, 16))
    releases = Releases.of(tmp_path)

    assert releases.on(date(2026, 4, 15)).version == "v2"
    later = [calls_of(date(2026, 4, 16) + timedelta(days=at), releases) for at in range(6)]
    assert {calls.model.version for calls in later} == {"v3"}
    assert (releases.on(date(2026, 4, 16)).weights == model.weights).all()
    share = sum(c.converted.sum() for c in later) / sum(c.answered.sum() for c in later)
    assert share == pytest.approx(0.14, abs=0.012)


def _learnt_from(day: date) -> pd.DataFrame:
    calls = calls_of(day)
    rows = (
        log_table(calls)
        .to_pandas()
        .rename(columns={"called_at": "time", "call_id": "id", "offered": "prediction"})
    )
    rows["label"] = np.where(calls.converted, "1", "0")
    return rows.dropna(subset=["prediction"])
