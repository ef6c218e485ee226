"""What moved a KPI: exactly, beside sums over the raw rows."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from core.values import MetricPoint, MetricValue
from reports.moves import moved
from reports.query import Query
from tests.alerts.house import House, day

DAYS, TURN = 40, 30


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def raw() -> pd.DataFrame:
    """Rows of two regions: from TURN on the poor one grows, and the good one gets worse."""
    rng = np.random.default_rng(7)
    days = np.repeat(np.arange(DAYS), 300)
    late = days >= TURN
    north = rng.uniform(size=len(days)) < np.where(late, 0.6, 0.2)
    rate = np.where(north, 0.05, np.where(late, 0.16, 0.2))
    region = np.where(north, "north", "south")
    return pd.DataFrame({"day": days, "region": region, "y": rng.uniform(size=len(days)) < rate})


def points(rows: pd.DataFrame, segment: str) -> list[MetricPoint]:
    return [
        MetricPoint(
            model="lead", metric="business.conversion", window=day(int(at)), segment=segment,
            value=MetricValue(
                value=float(own["y"].mean()), n=len(own), numerator=float(own["y"].sum()),
                denominator=float(len(own)),
            ),
        )
        for at, own in rows.groupby("day")
    ]  # fmt: skip


def filled(house: House) -> pd.DataFrame:
    rows = raw()
    house.save(points(rows, ""), *(points(own, f"region={name}") for name, own in rows.groupby("region")))
    return rows


def test_the_steps_add_up_to_the_move_of_the_raw_rows(house):
    rows = filled(house)
    query = Query(store=house.store, project=house.project)
    until = day(DAYS).start
    move = moved(
        query, house.project.models["lead"], "conversion", since=day(TURN).start, until=until, now=until
    )
    assert move is not None
    late = rows[rows["day"] >= TURN]
    early = rows[(rows["day"] < TURN) & (rows["day"] >= TURN - (DAYS - TURN))]
    split = move.splits["region"]
    assert split.before == pytest.approx(early["y"].mean())
    assert split.after == pytest.approx(late["y"].mean())
    assert split.mix + split.rate == pytest.approx(late["y"].mean() - early["y"].mean())
    assert sum(level.effect for level in split.levels) == pytest.approx(split.after - split.before)
    for level in split.levels:
        then, now = (part[part["region"] == level.name]["y"] for part in (early, late))
        assert level.before == pytest.approx(then.mean())
        assert level.after == pytest.approx(now.mean())
        assert level.share == pytest.approx(len(now) / len(late))
    assert split.mix < 0 and split.rate < 0
    assert move.before == (day(TURN - (DAYS - TURN)).start, day(TURN).start)
    assert move.after == (day(TURN).start, until)


def test_without_complete_days_on_both_sides_nothing_is_told(house):
    filled(house)
    query = Query(store=house.store, project=house.project)
    model, until = house.project.models["lead"], day(DAYS).start
    asked = {"until": until, "now": until}
    assert moved(query, model, "conversion", since=until, **asked) is None
    assert moved(query, model, "conversion", since=day(0).start - timedelta(days=3), **asked) is None
