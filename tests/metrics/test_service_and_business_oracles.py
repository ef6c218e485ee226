"""Service, quality and KPIs from sums equal what the raw rows say."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.grid import GridSet
from core.profile import Inputs, Outcomes, Profile
from core.values import MetricValue, ValueState
from metrics.base import KpiFacts, Subject
from metrics.intervals import ranks, wilson
from metrics.registry import all_metrics
from tests.metrics import counted

GRIDS = GridSet(columns={})


def measured(name: str, subject: Subject) -> MetricValue:
    return all_metrics()[name].compute(subject)


def of(
    inputs: Inputs | None = None, outcomes: Outcomes | None = None, kpi: KpiFacts | None = None
) -> Subject:
    profile = Profile(grid_set=GRIDS.id, inputs=inputs or Inputs(), outcomes=outcomes or Outcomes())
    return Subject(profile=profile, grids=GRIDS, kpi=kpi, window=counted.DAY, now=counted.DAY.end)


@pytest.mark.parametrize("share", [50, 95, 99])
@pytest.mark.parametrize("shape", ["smooth", "heavy", "whole", "two"])
def test_it_finds_percentiles_within_one_percent(share: int, shape: str) -> None:
    rng = np.random.default_rng(6)
    values = {
        "smooth": rng.lognormal(4, 0.5, 20_011),
        "heavy": rng.pareto(1.1, 20_011) * 20 + 1,
        "whole": np.ceil(rng.gamma(2, 60, 20_011)),
        "two": np.where(rng.random(20_011) < 0.93, 12.5, 900.0),
    }[shape]

    found = measured(f"service.latency_p{share}_ms", of(counted.latencies(values)))

    exact = np.percentile(values, share)
    assert found.value == pytest.approx(exact, rel=0.01)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= found.value <= found.upper


def test_its_percentile_interval_covers_as_promised() -> None:
    rng = np.random.default_rng(8)
    true = stats.expon(scale=100).ppf(0.95)
    inside = 0
    for _run in range(500):
        found = measured("service.latency_p95_ms", of(counted.latencies(rng.exponential(100, 800))))
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower * 0.99 <= true <= found.upper * 1.01
    assert 0.93 <= inside / 500 <= 0.995


def test_its_ranks_cover_as_the_binomial_says() -> None:
    for n, share in ((60, 0.95), (500, 0.5), (1000, 0.99), (5000, 0.95)):
        low, high = ranks(n, share)
        cover = stats.binom.cdf(high, n, share) - stats.binom.cdf(low, n, share)
        assert cover >= 0.94 or high == n - 1


def test_wilson_is_the_one_of_scipy() -> None:
    for hits, n in ((0, 30), (1, 30), (15, 30), (30, 30), (77, 1234)):
        expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
        limits = wilson(hits, n)
        assert limits.lower == pytest.approx(expected.low, abs=1e-9)
        assert limits.upper == pytest.approx(expected.high, abs=1e-9)


def test_it_counts_requests_errors_and_repeats(flights: pd.DataFrame) -> None:
    first = flights.iloc[:5000]
    failed = int(first["arr_delay"].isna().sum())
    repeated = int(first["tailnum"].duplicated().sum())
    inputs = Inputs(
        rows=5000, errors=failed, duplicates=repeated, last=counted.DAY.end - timedelta(minutes=30)
    )

    assert measured("service.requests", of(inputs)).value == 5000
    assert measured("quality.rows", of(inputs)).value == 5000
    assert measured("service.error_share", of(inputs)).value == pytest.approx(failed / 5000, abs=1e-9)
    assert measured("quality.duplicate_ids", of(inputs)).value == pytest.approx(repeated / 5000, abs=1e-9)
    assert measured("service.freshness", of(inputs)).value == pytest.approx(0.5)


def test_it_counts_what_is_missing_unseen_and_out_of_range(flights: pd.DataFrame) -> None:
    early, late = flights[flights["month"] == 4], flights[flights["month"] != 4]
    grids = GridSet(
        columns={
            "air_time": counted.numeric_grid(early["air_time"].to_numpy(dtype=np.float64)),
            "dest": counted.categorical_grid(early["dest"].to_numpy(dtype=str), keep=20),
        }
    )
    data = {"air_time": late["air_time"].to_numpy(dtype=np.float64), "dest": late["dest"].to_numpy(dtype=str)}
    profile = counted.columns(data, grids)

    def found(metric: str, column: str) -> float | None:
        return measured(metric, Subject(profile=profile, grids=grids, column=column)).value

    known = late["air_time"].dropna()
    outside = (known < early["air_time"].min()) | (known > early["air_time"].max())
    assert found("quality.missing", "air_time") == pytest.approx(late["air_time"].isna().mean(), abs=1e-12)
    assert found("quality.out_of_range", "air_time") == pytest.approx(outside.mean(), abs=1e-12)
    assert outside.any()
    assert found("quality.unseen", "dest") == pytest.approx(
        (~late["dest"].isin(early["dest"])).mean(), abs=1e-12
    )
    assert found("quality.invalid", "dest") == 0


def test_it_takes_a_share_for_a_share() -> None:
    rng = np.random.default_rng(12)
    answered = (rng.random(3000) < 0.6).astype(np.float64)
    converted = answered * (rng.random(3000) < 0.1)
    outcomes = counted.kpi("conversion", converted, answered, rng.integers(0, 9, 3000))

    found = measured("business.ratio", of(outcomes=outcomes, kpi=KpiFacts(name="conversion")))

    expected = stats.binomtest(int(converted.sum()), int(answered.sum())).proportion_ci(method="wilson")
    assert found.value == pytest.approx(converted.sum() / answered.sum(), abs=1e-12)
    assert found.lower == pytest.approx(expected.low)
    assert found.upper == pytest.approx(expected.high)
    assert (found.n, found.numerator, found.denominator) == (
        answered.sum(), converted.sum(), answered.sum(),
    )  # fmt: skip


def test_totals_of_a_day_in_one_row_say_what_its_units_would() -> None:
    outcomes = counted.kpi("conversion", np.array([150.0]), np.array([1200.0]))

    found = measured("business.ratio", of(outcomes=outcomes, kpi=KpiFacts(name="conversion", own_table=True)))

    expected = stats.binomtest(150, 1200).proportion_ci(method="wilson")
    assert (found.state, found.value, found.n) == (ValueState.OK, 0.125, 1200)
    assert (found.lower, found.upper) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_a_table_of_single_units_is_counted_as_in_a_log() -> None:
    won, answered = np.repeat([1.0, 0.0], [15, 105]), np.repeat([1.0, 0.0], [100, 20])
    outcomes = counted.kpi("conversion", won, answered)

    log, table = (
        measured("business.ratio", of(outcomes=outcomes, kpi=KpiFacts(name="conversion", own_table=own)))
        for own in (False, True)
    )

    assert table == log
    assert table.n == 100


def test_totals_that_are_no_part_of_the_count_have_the_interval_of_their_rows() -> None:
    revenue, orders = np.array([900.0, 1500.0, 1300.0]), np.array([30.0, 50.0, 40.0])
    facts = KpiFacts(name="basket", own_table=True)

    many = measured("business.ratio", of(outcomes=counted.kpi("basket", revenue, orders), kpi=facts))
    one = measured("business.ratio", of(outcomes=counted.kpi("basket", revenue[:1], orders[:1]), kpi=facts))
    broken = measured("business.ratio", of(outcomes=counted.kpi("basket", orders, revenue + 0.25), kpi=facts))

    assert many.n == 120
    assert many.value == pytest.approx(3700 / 120)
    assert many.lower is not None
    assert many.upper is not None
    assert many.lower < 3700 / 120 < many.upper
    assert (one.state, one.value, one.n, one.lower) == (ValueState.OK, 30.0, 30, None)
    assert (broken.state, broken.n) == (ValueState.NOT_ENOUGH_DATA, 3)


def test_its_interval_of_a_ratio_covers_as_promised() -> None:
    rng = np.random.default_rng(13)
    inside = 0
    for _run in range(500):
        orders = rng.poisson(2, 400).astype(np.float64)
        revenue = orders * rng.gamma(2, 15, 400)
        outcomes = counted.kpi("basket", revenue, orders)
        found = measured("business.ratio", of(outcomes=outcomes, kpi=KpiFacts(name="basket")))
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower <= 30.0 <= found.upper
    assert 0.92 <= inside / 500 <= 0.98


def test_it_finds_a_mean_and_its_interval_like_scipy() -> None:
    values = np.random.default_rng(14).gamma(2, 3, 900)
    outcomes = counted.kpi("wait", values, np.ones(900))

    found = measured("business.mean", of(outcomes=outcomes, kpi=KpiFacts(name="wait", kind="mean")))

    low, high = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert found.value == pytest.approx(values.mean(), abs=1e-9)
    assert (found.lower, found.upper) == (pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6))


def test_it_finds_what_a_prediction_is_worth() -> None:
    sold = (np.random.default_rng(15).random(1000) < 0.2).astype(np.float64)
    outcomes = counted.kpi("sale", sold, np.ones(1000))
    facts = KpiFacts(name="sale", amount=-25.0, currency="EUR")

    found = measured("business.value_per_prediction", of(outcomes=outcomes, kpi=facts))

    assert found.value == pytest.approx(-25 * sold.mean())
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < found.value < found.upper


def test_progress_counts_from_baseline_to_target_in_both_directions() -> None:
    outcomes = counted.kpi("share", np.repeat([1.0, 0.0], [120, 880]), np.ones(1000))
    up = KpiFacts(name="share", baseline=0.10, target=0.15)
    down = KpiFacts(name="share", baseline=0.20, target=0.10)

    assert measured("business.goal_progress", of(outcomes=outcomes, kpi=up)).value == pytest.approx(0.4)
    found = measured("business.goal_progress", of(outcomes=outcomes, kpi=down))
    assert found.value == pytest.approx(0.8)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 0.8 < found.upper


def test_it_says_why_there_is_no_number() -> None:
    nothing = of(outcomes=Outcomes(rows=50, kpis={"k": np.zeros((9, 6))}), kpi=KpiFacts(name="k"))
    empty = counted.kpi("k", np.zeros(40), np.zeros(40))

    assert measured("business.ratio", nothing).reason == "0 rows, 30 are needed."
    assert measured("business.value_per_prediction", nothing).reason.startswith("The KPI does not say")
    assert measured("business.goal_progress", nothing).reason == "No goal hangs on this KPI."
    assert measured("business.ratio", of(outcomes=empty, kpi=KpiFacts(name="k"))).value is None
