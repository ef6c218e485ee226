"""Which points a window gets: roles, versions, segments and stages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from core.config.model import Model
from core.errors import GoalkeeperError, NotComparableError
from core.grid import LATENCY, GridSet
from core.profile import Inputs, Profile, ProfileKey, Role
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window
from metrics.measure import kpi_facts, measure
from tests.metrics import counted

NOW = datetime(2026, 4, 20, tzinfo=UTC)
RNG = np.random.default_rng(0)
AGES, CITIES = RNG.normal(40, 10, 5000), RNG.choice(["Omsk", "Perm"], 5000)
GRIDS = GridSet(
    columns={"age": counted.numeric_grid(AGES), "city": counted.categorical_grid(CITIES)},
    score=counted.score_grid(RNG.random(5000)),
    classes=("no", "yes"),
)
USES = {"id": "id", "time": "at", "score": "p", "latency_ms": "ms", "status": "status", "version": "v"}
REFERENCE = counted.columns({"age": AGES, "city": CITIES}, GRIDS)


def model(**changes: Any) -> Model:
    body: dict[str, Any] = {
        "name": "lead",
        "predictions": {"columns": USES},
        "ground_truth": {"columns": {"id": "id", "label": "y"}, "maturity": timedelta(days=7)},
        "kpis": {"conversion": {"numerator": "y", "denominator": "answered"}, "wait": {"mean": "seconds"}},
    }
    return Model.model_validate(body | changes)


def rows(n: int, *, rate: float = 0.3, seed: int = 1, errors: int = 0, missing: bool = False) -> Profile:
    """Return a profile with everything in it."""
    rng = np.random.default_rng(seed)
    ages = rng.normal(41, 10, n)
    ages[: n // 10 if missing else 0] = np.nan
    columns = counted.columns({"age": ages, "city": rng.choice(["Omsk", "Perm"], n)}, GRIDS)
    scores = rng.random(n)
    labels = (rng.random(n) < rate).astype(np.int64)
    told = counted.binary(scores, labels, GRIDS)
    latency = counted.latencies(rng.lognormal(4, 0.5, n)).latency
    assert latency is not None
    inputs = Inputs(
        rows=n, errors=errors, latency=latency, columns=columns.inputs.columns, score=told.inputs.score,
        score_sum=told.inputs.score_sum, score_squares=told.inputs.score_squares, last=counted.DAY.start,
    )  # fmt: skip
    kpis = counted.kpi("conversion", labels.astype(np.float64), np.ones(n)).kpis
    waits = counted.kpi("wait", rng.gamma(2, 3, n), np.ones(n)).kpis
    outcomes = type(told.outcomes)(
        rows=n, labelled=n, score_labelled=told.outcomes.score_labelled,
        score_positive=told.outcomes.score_positive, score_sums=told.outcomes.score_sums,
        confusion=told.outcomes.confusion, kpis={**kpis, **waits},
    )  # fmt: skip
    return Profile(grid_set=GRIDS.id, inputs=inputs, outcomes=outcomes)


def key(
    version: str = "v1", role: Role = Role.CHAMPION, segment: str = "", grain: Grain = Grain.DAY
) -> ProfileKey:
    return ProfileKey(
        model="lead", version=version, role=role, segment=segment, grain=grain, start=counted.DAY.start,
        grid_set=GRIDS.id,
    )  # fmt: skip


def measured(
    cells: Mapping[ProfileKey, Profile], *, of: Model | None = None, window: Window = counted.DAY, **more: Any
) -> dict[tuple[str, str, str, str], MetricPoint]:
    """Return the points by (metric, version, segment, column)."""
    asked: dict[str, Any] = {"stage": "final", "reference": REFERENCE} | more
    points = measure(
        model=of or model(), grids=GRIDS, cells=cells, window=window, now=NOW, zone=ZoneInfo("UTC"), **asked
    )
    found = {(p.metric, p.version, p.segment, p.column): p for p in points}
    assert len(found) == len(points)
    return found


def number(
    points: Mapping[tuple[str, str, str, str], MetricPoint], metric: str, version: str = ""
) -> float | None:
    return points[metric, version, "", ""].value.value


def test_it_pools_the_roles_that_each_family_counts() -> None:
    cells = {
        key("v1"): rows(100, errors=10),
        key("v2", Role.CHALLENGER): rows(200, seed=2),
        key("v3", Role.SHADOW): rows(400, seed=3, errors=40),
        key("unversioned", Role.CONTROL): rows(800, rate=0.1, seed=4, errors=400),
    }
    points = measured(cells)

    assert number(points, "service.requests") == 700
    assert number(points, "service.error_share") == pytest.approx(50 / 700)
    assert number(points, "quality.rows") == 300
    assert points["performance.log_loss", "", "", ""].value.n == 300
    assert points["drift.jensen_shannon", "", "", "age"].value.n == 300
    assert points["business.conversion", "", "", ""].value.n == 1100
    assert points["business.wait", "", "", ""].value.n == 1100


def test_it_measures_each_version_by_itself() -> None:
    cells = {key("v1"): rows(100), key("v2", Role.SHADOW): rows(400, seed=3)}
    cells |= {key("v2"): rows(50, seed=5)}
    cells |= {key("v3", Role.SHADOW): rows(60, seed=6)}
    points = measured(cells)

    assert points["performance.roc_auc", "v1", "", ""].value.n == 100
    assert points["performance.roc_auc", "v2", "", ""].value.n == 50, "served rows, not shadow ones"
    assert points["performance.roc_auc", "v3", "", ""].value.n == 60, "a shadow version on its shadow rows"
    assert points["performance.roc_auc", "", "", ""].value.n == 150
    assert points["drift.jensen_shannon", "v1", "", "@score"].value.n == 0, "the reference holds no scores"
    assert ("quality.missing", "v1", "", "age") not in points


def test_it_estimates_each_version_before_its_labels_are_known() -> None:
    cells = {key("v1"): rows(100), key("v2"): rows(50, seed=5), key("v1", segment="region=north"): rows(40)}
    points = measured(cells, reference=rows(2000), stage="immature")

    found = {place: point for place, point in points.items() if place[0].startswith("estimated.")}
    assert set(found) == {
        (f"estimated.{name}", version, "", "")
        for name in ("log_loss", "roc_auc")
        for version in ("", "v1", "v2")
    }
    assert all(point.final and point.value.state is ValueState.OK for point in found.values())
    assert [point.value.n for point in found.values()] == [150, 100, 50] * 2


def test_it_keeps_little_of_a_segment() -> None:
    cells = {
        key(): rows(500),
        key(segment="region=north"): rows(200, missing=True),
        key(segment="region=south"): rows(300),
    }
    points = measured(cells)

    north = {metric for metric, _v, segment, _c in points if segment == "region=north"}
    south = {metric for metric, _v, segment, _c in points if segment == "region=south"}
    kept = {
        "service.requests", "service.error_share", "performance.log_loss", "business.conversion",
        "business.wait",
    }  # fmt: skip
    assert north == kept | {"quality.missing"}
    assert south == kept
    assert points["quality.missing", "", "region=north", "age"].value.value == pytest.approx(0.1)


def test_an_open_window_is_open_in_all_it_says() -> None:
    points = measured({key(): rows(100)}, stage="open")

    assert {point.value.state for point in points.values()} == {ValueState.OPEN}
    assert not any(point.final for point in points.values())
    assert all(point.value.reason for point in points.values())
    assert number(points, "service.requests") == 100


def test_an_immature_window_judges_its_inputs_only() -> None:
    points = measured({key(): rows(100)}, stage="immature")

    for (metric, _v, _s, _c), point in points.items():
        ripens = metric.startswith(("performance.", "business.")) or metric == "quality.join_coverage"
        assert point.final is not ripens, metric
        assert (point.value.state is ValueState.IMMATURE) is ripens, metric


def test_an_hour_of_a_daily_model_keeps_its_service_only() -> None:
    hour = Window(start=counted.DAY.start, end=counted.DAY.start + timedelta(hours=1), grain=Grain.HOUR)
    cells = {key(grain=Grain.HOUR): rows(100), key(segment="region=north", grain=Grain.HOUR): rows(50)}
    points = measured(cells, window=hour)

    assert {metric.partition(".")[0] for metric, *_rest in points} == {"service"}
    assert ("service.latency_p95_ms", "", "", "") in points
    assert {m for m, _v, segment, _c in points if segment} == {"service.requests", "service.error_share"}
    assert all(p.value.state is ValueState.NOT_ENOUGH_DATA for p in measured({key(): rows(5)}).values() if
               p.metric == "service.error_share")  # fmt: skip


def test_it_leaves_out_what_the_log_does_not_hold() -> None:
    bare = model(predictions={"columns": {"score": "p"}}, ground_truth=None, kpis={})
    points = measured({key(): rows(100)}, of=bare, reference=None)

    metrics = {metric for metric, *_rest in points}
    assert metrics == {
        "service.requests",
        "service.freshness",
        "quality.rows",
        "quality.missing",
        "quality.unseen",
    }


def test_it_computes_whatever_is_asked_for_everywhere() -> None:
    cells = {key("v1"): rows(100), key("v2"): rows(100, seed=2), key("v1", segment="region=north"): rows(50)}

    psi = measured(cells, name="drift.psi")
    assert {(v, s, c) for _m, v, s, c in psi} == {
        (v, s, c)
        for v, s in (("", ""), ("v1", ""), ("v2", ""), ("", "region=north"), ("v1", "region=north"))
        for c in ("age", "city", "@score")
    }
    assert "no reference" in psi["drift.psi", "", "region=north", "age"].value.reason
    both = measured(cells, name="drift.psi", reference={"": REFERENCE, "region=north": REFERENCE})
    assert both["drift.psi", "", "region=north", "age"].value.value is not None

    assert number(measured(cells, name="business.conversion"), "business.conversion", "v2") is not None
    assert set(measured(cells, name="business.goal_progress")) >= {
        ("business.goal_progress", "", "", "conversion")
    }
    assert measured(cells, name="performance.mae") == {}
    assert measured(cells, name="lead").keys() == measured(cells).keys()


def test_it_names_the_nearest_metric() -> None:
    with pytest.raises(GoalkeeperError, match=r"'drift\.psy'") as caught:
        measured({key(): rows(100)}, name="drift.psy")
    assert caught.value.hint == "Did you mean drift.psi?"


def test_it_says_not_comparable_across_grid_sets() -> None:
    foreign = Profile(grid_set="other", inputs=REFERENCE.inputs)
    points = measured({key(): rows(100)}, reference=foreign)

    found = points["drift.jensen_shannon", "", "", "age"].value
    assert found.state is ValueState.ERROR
    assert "another grid set" in found.reason


def test_a_day_of_twenty_columns_is_about_250_points() -> None:
    rng = np.random.default_rng(3)
    data = {f"c{at}": rng.normal(size=2000) for at in range(14)}
    data |= {f"k{at}": rng.choice(["a", "b"], 2000) for at in range(6)}
    grids = GridSet(
        columns={
            name: counted.numeric_grid(values) if name[0] == "c" else counted.categorical_grid(values)
            for name, values in data.items()
        },
        score=GRIDS.score,
        classes=GRIDS.classes,
    )
    part = rows(2000)
    inputs = Inputs(
        rows=2000, columns=counted.columns(data, grids).inputs.columns, score=part.inputs.score,
        latency=np.ones(LATENCY.bins, dtype=np.int64),
    )  # fmt: skip
    profile = Profile(grid_set=grids.id, inputs=inputs, outcomes=part.outcomes)
    cells = {key("v1"): profile, key("v2"): profile}

    points = measure(
        model=model(), grids=grids, cells=cells, reference=profile, window=counted.DAY, now=NOW,
        zone=ZoneInfo("UTC"), stage="final",
    )  # fmt: skip

    assert 100 <= len(points) <= 250


def test_it_refuses_cells_counted_on_another_grid_set() -> None:
    for cells in (
        {key(): Profile(grid_set="other")},
        {key(): rows(50), key("v2"): Profile(grid_set="other")},
    ):
        with pytest.raises(NotComparableError, match="not comparable"):
            measured(cells)


def test_the_order_of_the_cells_does_not_matter() -> None:
    cells = {key("v1"): rows(100), key("v2"): rows(100, seed=2), key("v3", Role.SHADOW): rows(90, seed=3)}

    assert measured(cells) == measured(dict(reversed(cells.items())))


def test_it_knows_which_kpi_has_a_table_of_its_own() -> None:
    table = {
        "numerator": "sold",
        "denominator": "calls",
        "source": {"kind": "parquet", "columns": {"time": "day"}},
    }

    found = model(kpis={"sales": table, "wait": {"mean": "seconds"}})

    assert kpi_facts(found, "sales").own_table
    assert not kpi_facts(found, "wait").own_table
