"""Nothing fires by chance: a year of quiet days with 20 columns, many times over."""

import numpy as np
import pytest

from alerts.rules import relative
from alerts.rules.base import Side
from alerts.timeline import timeline
from tests.alerts.series import point, series

DAYS, LEARNT = 365, 14


def episodes(of, options):
    return len(timeline(relative.judge(of, options), options.row).episodes)


@pytest.mark.parametrize("rows", [500, 5000])
def test_it_keeps_quiet_about_quiet_columns(rows):
    rng = np.random.default_rng(rows)
    options = relative.Options.model_validate({"floor": 0.02, "for": 2})
    p, found = np.full(20, 0.05), 0
    for _column in range(40):
        wobble = rng.normal(0, 0.05, (DAYS, 20))
        daily = p * np.exp(wobble)
        counts = np.array([rng.multinomial(rows, day / day.sum()) for day in daily]) / rows
        middle = (counts + p) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(counts > 0, counts * np.log2(counts / middle), 0.0)
        distances = 0.5 * left.sum(1) + 0.5 * (p * np.log2(p / middle)).sum(1)
        found += episodes(series(list(distances), n=rows, harm=Side.UP, distance=True), options)
    assert found == 0


@pytest.mark.parametrize("rows", [100, 2000])
def test_it_keeps_quiet_about_a_quiet_kpi(rows):
    rng = np.random.default_rng(rows)
    options = relative.Options.model_validate({"floor": "5%", "sigmas": 2.5, "for": 3})
    found = 0
    for _stream in range(60):
        share = 0.1 * np.exp(rng.normal(0, 0.05, DAYS))
        seen = rng.binomial(rows, share) / rows
        points = tuple(
            point(at, float(value), n=rows, error=float(np.sqrt(max(value, 1 / rows) * (1 - value) / rows)))
            for at, value in enumerate(seen)
        )
        of = series([])
        found += episodes(type(of)(key=of.key, title="KPI", points=points, harm=Side.DOWN), options)
    assert found == 0


def test_it_keeps_quiet_about_quiet_missing_values():
    rng = np.random.default_rng(4)
    options = relative.Options.model_validate({"floor": 0.05, "learn": 1})
    found = 0
    for _column in range(40):
        seen = rng.binomial(400, 0.05, DAYS) / 400
        points = tuple(
            point(at, float(v), n=400, error=float(np.sqrt((v + 0.003) * (1 - v) / 400)))
            for at, v in enumerate(seen)
        )
        of = series([])
        found += episodes(
            type(of)(
                key=of.key, title="x", points=points, baseline=(point(-1, 0.05, error=0.002),), harm=Side.UP
            ),
            options,
        )
    assert found == 0
