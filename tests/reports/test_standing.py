"""How models stand on the overview: lights, goals, freshness, open work, the worst harm first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import load
from core.messages import Severity
from core.rules import AlertKey, AlertState, Resolution, RuleState, TicketKind
from core.windows import Grain
from reports.query import Query
from reports.standing import Light, Standing, histories, standings, with_sums
from store import alerts, models, tickets, windows
from store.goals import current_goals, save_goal
from store.tables import GoalRow, ModelRow, WindowRow
from tests.alerts.house import START, House
from tests.goalkeeper import small

NOW = START + timedelta(days=40)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def stands(house: House, now: datetime = NOW) -> Standing:
    (found,) = standings(Query(store=house.store, project=house.project), now)
    return found


def answer(rule: str, state: AlertState, severity: Severity = Severity.MAJOR, reason: str = "") -> RuleState:
    key = AlertKey(model="lead", rule=rule)
    return RuleState(key=key, state=state, severity=severity, since=None, as_of=NOW, reason=reason)


def answers(house: House, *states: RuleState) -> None:
    with house.store.write() as session:
        alerts.save_rule_states(session, states, {})


def goal(house: House, state: str, **more: Any) -> None:
    told: dict[str, Any] = {
        "model": "lead", "kpi": "conversion", "as_of": NOW, "state": state, "value": 0.12, "lower": 0.11,
        "upper": 0.13, "probability": 0.5, "forecast": 0.14, "needed": 0.01, "reason": f"it is {state}",
    }  # fmt: skip
    with house.store.write() as session:
        save_goal(session, GoalRow(**(told | more)))


def work(house: House, key: str = "a", severity: Severity = Severity.MAJOR, model: str = "lead") -> int:
    with house.store.write() as session:
        told: dict[str, Any] = {"model": model, "severity": severity, "now": START}
        incident = tickets.open_incident(session, cause="x", since=START, **told)
        return tickets.open_ticket(
            session, key=key, incident_id=incident.id, kind=TicketKind.RETRAIN, title="It fell", evidence={},
            acknowledge_by=None, actor="goalkeeper", **told,
        ).id  # fmt: skip


def window(house: House, start: datetime, state: str = "ok", grain: Grain = Grain.DAY) -> None:
    with house.store.write() as session:
        models.save_model(
            session,
            ModelRow(
                name="lead", title="Lead scoring", task="binary", timezone="UTC", grain="1d",
                configuration="c", features={}, grid_set=None, reference_id=None, first_seen=START,
                removed_at=None,
            ),
        )  # fmt: skip
        windows.save_window(
            session,
            WindowRow(
                model="lead", grain=grain.value, start=start, end=start + grain.length, grid_set="g",
                state=state, inputs_mark="", outcomes_mark="", profile_digest="", computed="", stage="final",
                reason="", collected_at=NOW, notes={},
            ),
        )  # fmt: skip


def test_a_collected_model_stands_as_its_parts_say(query: Query) -> None:
    (found,) = standings(query, small.NOW)
    with query.store.read() as session:
        (judged,) = current_goals(session, "lead")
        (ticket,) = tickets.tickets(session)

    assert (found.service.light, found.performance.light) == (Light.BAD, Light.GOOD)
    assert found.service.reason.startswith("Share of errors is 58.0")
    assert found.tickets == ((ticket.id, "major"),)
    assert found.fresh == small.START + small.DAYS * timedelta(days=1)
    (goal_,) = found.goals
    assert (goal_.state, goal_.value, goal_.forecast) == (judged.state, judged.value, judged.forecast)
    assert goal_.numerator is None
    goal_ = with_sums(query, "lead", goal_, small.NOW)
    assert goal_.numerator is not None
    assert goal_.denominator is not None
    assert goal_.numerator / goal_.denominator == pytest.approx(judged.value)
    series = query.series("lead", "business.conversion", since=small.START, until=small.NOW, now=small.NOW)
    assert histories(query, ["lead"], small.NOW) == {"lead": tuple(point.value.value for point in series)}


def test_what_was_never_judged_is_unknown_with_the_reason(house: House) -> None:
    found = stands(house)

    assert {one.light for one in (found.service, found.performance, found.goal)} == {Light.UNKNOWN}
    assert found.service.reason == "Nothing has been judged yet."
    assert (found.goals[0].state, found.goals[0].reason) == ("unknown", "It has not been judged yet.")
    assert (found.fresh, found.tickets) == (None, ())
    assert histories(Query(store=house.store, project=house.project), ["lead"], NOW) == {}


@pytest.mark.parametrize(
    ("rule", "light"),
    [
        ("service.freshness", "service"), ("quality.missing", "service"),
        ("performance.primary", "performance"), ("drift.columns", "performance"),
        ("business.conversion", "goal"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("severity", "shown"),
    [(Severity.CRITICAL, Light.BAD), (Severity.MAJOR, Light.BAD), (Severity.MINOR, Light.WATCH),
     (Severity.NOTICE, Light.WATCH)],
)  # fmt: skip
def test_an_alert_lights_its_own_lamp_by_its_severity(
    house: House, rule: str, light: str, severity: Severity, shown: Light
) -> None:
    quiet = [answer(one, AlertState.OK) for one in ("service.error_share", "performance.calibration")]
    answers(house, *quiet, answer(rule, AlertState.FIRING, severity, "it is bad"))
    goal(house, "on track")
    found = stands(house)
    lamps = {"service": found.service, "performance": found.performance, "goal": found.goal}

    assert (lamps[light].light, lamps[light].reason) == (shown, "it is bad")
    assert {lamp.light for name, lamp in lamps.items() if name != light} == {Light.GOOD}


def test_the_worst_alert_speaks_and_an_unknown_rule_does_not_hide_that_others_are_well(house: House) -> None:
    answers(
        house,
        answer("service.latency_p95_ms", AlertState.FIRING, Severity.MINOR, "slow"),
        answer("service.freshness", AlertState.FIRING, Severity.CRITICAL, "no rows"),
        answer("performance.primary", AlertState.UNKNOWN, reason="learning, 9 of 14"),
        answer("performance.calibration", AlertState.OK),
    )
    found = stands(house)

    assert (found.service.light, found.service.reason) == (Light.BAD, "no rows")
    assert found.performance.light is Light.GOOD


def test_rules_that_still_learn_leave_the_lamp_unknown(house: House) -> None:
    answers(house, answer("performance.primary", AlertState.UNKNOWN, reason="learning, 9 of 14"))
    found = stands(house)

    assert (found.performance.light, found.performance.reason) == (Light.UNKNOWN, "learning, 9 of 14")


@pytest.mark.parametrize(
    ("state", "light"),
    [
        ("reached", Light.GOOD), ("on track", Light.GOOD), ("at risk", Light.WATCH), ("off track", Light.BAD),
        ("missed", Light.BAD), ("unknown", Light.UNKNOWN),
    ],
)  # fmt: skip
def test_a_goal_lights_its_lamp_by_its_state(house: House, state: str, light: Light) -> None:
    answers(house, answer("business.conversion", AlertState.OK))
    goal(house, "reached" if state != "reached" else "missed")
    goal(house, state)

    assert (stands(house).goal.light, stands(house).goal.reason) == (light, f"it is {state}")
    assert stands(house).goals[0].state == state


def test_a_closed_ticket_is_no_open_work(house: House) -> None:
    first, second = work(house, "a"), work(house, "b", Severity.CRITICAL)
    with house.store.write() as session:
        row = tickets.ticket(session, first)
        assert row is not None
        tickets.close_ticket(session, row, resolution=Resolution.RECOVERED, now=NOW, actor="goalkeeper")

    assert stands(house).tickets == ((second, "critical"),)


def test_a_feed_that_ended_long_ago_is_as_old_as_its_last_window_with_data(house: House) -> None:
    window(house, START)
    window(house, START + timedelta(days=1), state="error")
    window(house, NOW + timedelta(days=1))

    assert stands(house).fresh == START + timedelta(days=1)
    assert stands(house, NOW + timedelta(days=400)).fresh == NOW + timedelta(days=2)


def test_the_worst_harm_comes_first(tmp_path: Path) -> None:
    house = House(tmp_path)
    path = house.project.path
    body = path.read_text()
    model = body[body.index("  lead:") :]
    names = ("calm", "warned", "urgent")
    path.write_text(
        body + "".join(model.replace("lead:", f"{name}:").replace("Lead scoring", name) for name in names)
    )
    project = load(path)
    work(house, "u", Severity.CRITICAL, "urgent")
    work(house, "l", Severity.MAJOR)
    firing = AlertKey(model="warned", rule="service.freshness")
    with house.store.write() as session:
        state = RuleState(
            key=firing, state=AlertState.FIRING, severity=Severity.MAJOR, since=None, as_of=NOW, reason="x"
        )
        alerts.save_rule_states(session, [state], {})
    found = standings(Query(store=house.store, project=project), NOW)

    assert [one.model for one in found] == ["urgent", "lead", "warned", "calm"]
    house.store.close()
