"""Service rules look at hours where these hold enough requests, else at days; clocks that go back."""

from datetime import timedelta

import pytest

from core.rules import AlertState, TicketState
from core.values import MetricPoint, MetricValue
from core.windows import Grain, Window
from tests.alerts.house import QUIET, START, House, conversions, day, rows, share

CALM, BAD = 30, 3
METRIC = "service.error_share"


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def hours(rates, a_day):
    """The share of errors, hour by hour; `a_day` requests in each of the 24 hours of a day."""
    found = []
    for at, rate in enumerate(rates):
        for hour, n in enumerate(a_day):
            start = START + timedelta(days=at, hours=hour)
            window = Window(start=start, end=start + timedelta(hours=1), grain=Grain.HOUR)
            value = MetricValue.missing(f"only {n} rows", n=n)
            if n >= 30:
                value = MetricValue(value=rate, n=n, lower=max(rate - 0.05, 0.0), upper=rate + 0.05)
            found.append(MetricPoint(model="lead", metric=METRIC, window=window, value=value))
    return found


def evaluated(house, a_day):
    """Evaluate a calm month, then three days on which 64 % of the requests fail."""
    rates = [0.01] * CALM + [0.64] * BAD
    n = sum(a_day)
    for count in (CALM, CALM + BAD):
        kept = rates[:count]
        house.save(hours(kept, a_day), [share(at, METRIC, rate, n=n) for at, rate in enumerate(kept)])
        house.save(conversions([QUIET[at % 28] for at in range(count)]), rows(count))
        house.evaluate(count)
    return house.alerts(METRIC)


def test_a_model_with_few_requests_an_hour_is_judged_by_days(house):
    (alert,) = evaluated(house, [20] * 24)
    assert (alert.state, alert.since) == (AlertState.FIRING, day(CALM).start)
    assert [alert.evidence[name][11:16] for name in ("window_start", "window_end")] == ["00:00", "00:00"]
    (ticket,) = house.tickets()
    assert ticket.kind == "fix_service"


def test_a_log_that_rests_at_night_is_judged_by_hours(house):
    (alert,) = evaluated(house, [200 if 9 <= hour < 17 else 2 for hour in range(24)])
    assert alert.state == AlertState.FIRING
    assert alert.since == day(CALM).start + timedelta(hours=9)


def test_a_clock_that_goes_back_closes_no_ticket_and_withdraws_no_alert(house):
    house.save(conversions([QUIET[at % 28] for at in range(35)]), rows(35))
    house.evaluate(35)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    (before,) = house.alerts()
    house.evaluate(34)
    (alert,), (ticket,) = house.alerts(), house.tickets()
    assert (alert.state, alert.updated_at) == (AlertState.FIRING, before.updated_at)
    assert ticket.state == TicketState.OPEN
    house.evaluate(37)
    assert [row.state for row in house.alerts()] == [AlertState.FIRING]
    assert [row.kind for row in house.messages()] == ["opened"]
