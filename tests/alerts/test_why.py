"""What a ticket says may explain the harm: mix and rate by segment, who carries it, the time of the year."""

from datetime import timedelta

import pytest

from alerts import why
from alerts.defaults import rules_of
from alerts.reading import read_known
from core.config import load
from core.evidence import Evidence
from core.values import MetricPoint, MetricValue, ValueState
from store.tables import ReferenceRow
from tests.alerts.house import START, House, conversions, day, number, rows, share


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def by_region(days, north, south):
    """The KPI where region is north (value, rows) and south, day by day."""
    return [
        share(at, "business.conversion", value, n=n, segment=f"region={name}")
        for at in days
        for name, (value, n) in (("north", north), ("south", south))
    ]


def fallen(house, north, south):
    """Evaluate a past of 12 % everywhere, then two days with other segments; return the ticket's evidence."""
    house.save(conversions([0.12] * 35), rows(35), by_region(range(35), (0.12, 1000), (0.12, 1000)))
    house.evaluate(35)
    total = north[1] + south[1]
    value = (north[0] * north[1] + south[0] * south[1]) / total
    house.save(
        [share(at, "business.conversion", value, n=total) for at in (35, 36)],
        rows(2, 35),
        by_region((35, 36), north, south),
    )
    house.evaluate(37)
    (ticket,) = house.tickets()
    return Evidence.model_validate(ticket.evidence)


def test_a_fall_in_one_segment_is_told_as_its_own(house):
    evidence = fallen(house, (0.12, 1200), (0.01, 600))

    assert evidence.split.column == "region"
    assert evidence.split.before == pytest.approx(0.12)
    assert evidence.split.mix + evidence.split.rate == pytest.approx(
        evidence.split.value - evidence.split.before
    )
    assert evidence.split.levels[0].level == "south"
    assert evidence.carrier.segment == "region=south"
    assert evidence.carrier.part == pytest.approx(1, abs=0.2)
    assert evidence.carrier.share == pytest.approx(1 / 3)


def test_a_fall_everywhere_is_carried_by_nobody(house):
    evidence = fallen(house, (0.06, 1000), (0.06, 1000))

    assert evidence.carrier is None
    assert evidence.split.mix == pytest.approx(0)
    assert evidence.split.rate == pytest.approx(-0.06)


def grown_pilot(kept):
    """A pilot of ten rows a day fills the list; `kept` says whether days too small for a value have sums."""
    sums = {"numerator": 1.0, "denominator": 10.0} if kept else {}
    few = MetricValue(n=10, state=ValueState.NOT_ENOUGH_DATA, reason="10 rows", **sums)
    small = [
        MetricPoint(
            model="lead", metric="business.conversion", window=day(at), segment="region=pilot", value=few
        )
        for at in range(35)
    ]
    usual = [share(at, "business.conversion", 0.12, n=1990, segment="region=usual") for at in range(35)]
    then = [share(at, "business.conversion", (1 + 0.12 * 1990) / 2000) for at in range(35)]
    now = [
        point
        for at in (35, 36)
        for point in (
            share(at, "business.conversion", 0.08),
            share(at, "business.conversion", 0.04, n=1000, segment="region=pilot"),
            share(at, "business.conversion", 0.12, n=1000, segment="region=usual"),
        )
    ]
    return [*small, *usual, *then], now


@pytest.mark.parametrize("kept", [True, False])
def test_days_too_small_for_a_value_count_in_the_split(house, kept):
    past, now = grown_pilot(kept)
    house.save(past, rows(35))
    house.evaluate(35)
    house.save(now, rows(2, 35))
    house.evaluate(37)
    (ticket,) = house.tickets()
    told = Evidence.model_validate(ticket.evidence)
    found = {one.level: one for one in told.split.levels}

    assert told.split.before == pytest.approx((1 + 0.12 * 1990) / 2000)  # of all rows, not of the large days
    assert sum(one.effect for one in told.split.levels) == pytest.approx(0.08 - told.split.before)
    assert found["pilot" if kept else ""].share_before == pytest.approx(0.005)
    assert told.carrier.segment == "region=pilot"
    assert told.carrier.would == pytest.approx(0.12, abs=5e-4)


def test_a_number_that_does_not_add_up_over_segments_is_not_split(house):
    house.save(conversions([0.12] * 35), rows(35), by_region(range(37), (0.12, 1000), (0.12, 1000)))
    house.evaluate(35)
    house.save(conversions([0.06] * 2, 35), rows(2, 35))
    house.evaluate(37)
    (ticket,) = house.tickets()
    fell = Evidence.model_validate(ticket.evidence).findings[0]
    parted = [
        number(at, "service.latency_p95_ms", 100.0 + at, segment=segment)
        for at in range(37)
        for segment in ("", "region=north", "region=south")
    ]
    house.save(parted)
    model = house.project.models["lead"]
    with house.store.read() as session:
        known = read_known(session, house.project, model, rules_of(model), house.at(37))
        slow = fell.model_copy(update={"metric": "service.latency_p95_ms"})

        assert why.split(session, known, slow) == (None, None)


def test_a_cross_of_columns_is_named_where_it_alone_fell(tmp_path):
    house = House(tmp_path)
    file = tmp_path / "goalkeeper.yaml"
    file.write_text(file.read_text().replace("[region]", "[region, shop, [region, shop]]"))
    house.project = load(file)

    def all_of(at, rate):
        cells = {(r, s): 0.12 for r in ("north", "south") for s in ("a", "b")} | {("south", "b"): rate}
        sums = {}
        for (region, shop), value in cells.items():
            for segment in ("", f"region={region}", f"shop={shop}", f"region={region},shop={shop}"):
                n, d = sums.get(segment, (0.0, 0))
                sums[segment] = (n + value * 500, d + 500)
        return [
            share(at, "business.conversion", n / d, n=d, segment=segment) for segment, (n, d) in sums.items()
        ]

    house.save([one for at in range(35) for one in all_of(at, 0.12)], rows(35))
    house.evaluate(35)
    house.save([one for at in (35, 36) for one in all_of(at, 0.01)], rows(2, 35))
    house.evaluate(37)
    (ticket,) = house.tickets()
    told = Evidence.model_validate(ticket.evidence)
    house.store.close()

    assert told.carrier.segment == "region=south,shop=b"
    assert told.carrier.part == pytest.approx(1)
    assert told.split.column in ("region", "shop")


def test_a_kpi_that_joins_a_ticket_brings_its_split(house):
    house.save(conversions([0.12] * 35), rows(35), by_region(range(35), (0.12, 1000), (0.12, 1000)))
    house.save([share(at, "quality.missing", 0.01, column="age") for at in range(35)])
    house.evaluate(35)
    house.save([share(at, "quality.missing", 0.3, column="age") for at in (35, 36)], rows(2, 35))
    house.save(conversions([0.12] * 2, 35), by_region((35, 36), (0.12, 1000), (0.12, 1000)))
    house.evaluate(37)
    house.save([share(at, "quality.missing", 0.3, column="age") for at in (37, 38)], rows(2, 37))
    house.save(conversions([0.07] * 2, 37), by_region((37, 38), (0.12, 1000), (0.02, 1000)))
    house.evaluate(39)

    told = [one.payload for one in house.messages() if one.kind == "update"]

    assert told[-1]["finding"]["rule"] == "business.conversion"
    assert told[-1]["carrier"]["segment"] == "region=south"


@pytest.mark.parametrize(("first", "days", "told"), [(-200, 30, True), (0, 30, False), (-380, 370, False)])
def test_a_time_of_the_year_that_the_reference_does_not_hold_is_named(house, first, days, told):
    evidence = fallen(house, (0.06, 1000), (0.06, 1000))
    model, since = house.project.models["lead"], START + timedelta(days=first)
    with house.store.read() as session:
        known = read_known(session, house.project, model, rules_of(model), house.at(37))
    with house.store.write() as session:
        session.add(
            ReferenceRow(
                model="lead", version="", kind="range", description="then", fingerprint="f", grid_set="g",
                rows=9, windows=days, first=since, last=since + timedelta(days=days),
                created_at=START,
            )
        )  # fmt: skip
    with house.store.read() as session:
        said = why.season(session, known, evidence.findings[0])

    assert ("another time of the year" in said) is told
