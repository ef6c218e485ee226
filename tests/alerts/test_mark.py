"""Rules are judged again when something that they read has changed, and only then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

import alerts.evaluate
from alerts.defaults import rules_of
from alerts.evaluate import EvaluateResult, evaluate
from alerts.mark import keep, mark_of, unjudged_from
from alerts.rules.base import RECOVERY
from store import settings, silences, tickets, windows
from store.alerts import rule_states
from store.tables import AlertRow
from tests.alerts.house import QUIET, TWO, House, conversions, day, number, rows
from tests.store.made import window as a_window

DAYS = 35


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a model with an alert, evaluated at six in the morning."""
    made = House(tmp_path)
    made.save(conversions([QUIET[at % 28] for at in range(DAYS)]), rows(DAYS))
    made.evaluate(DAYS)
    made.save(conversions([0.06, 0.06], DAYS), rows(2, DAYS))
    assert made.evaluate(DAYS + 2).firing == 1
    return made


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each evaluation that reads the values."""
    times: list[int] = []
    real = alerts.evaluate.read_known

    def counted(*args: object, **more: object) -> object:
        times.append(1)
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts.evaluate, "read_known", counted)
    return times


def later(house: House, **more: float) -> EvaluateResult:
    now = house.at(DAYS + 2) + timedelta(**more)
    return evaluate(store=house.store, project=house.project, model_name="lead", now=now)


def test_nothing_new_is_not_judged_again_and_still_told(house: House, judged: list[int]) -> None:
    assert later(house, minutes=5).firing == 1
    assert later(house, minutes=10).firing == 1
    assert judged == []


def a_value(house: House) -> None:
    house.save(conversions([0.07], DAYS + 1))


def a_rule(house: House) -> None:
    house.configure(f"    rules: {TWO.replace('for: 2', 'for: 3')}")


def a_silence(house: House) -> None:
    with house.store.write() as session:
        silences.add(
            session, model="lead", rule="", segment="", until=house.at(DAYS + 9), reason="a campaign",
            actor="a person", now=house.at(DAYS + 2),
        )  # fmt: skip


def an_act(house: House) -> None:
    (ticket,) = house.tickets()
    with house.store.write() as session:
        tickets.add_event(
            session, ticket.id, at=house.at(DAYS + 2), actor="a person", action="commented", detail={}
        )


@pytest.mark.parametrize("change", [a_value, a_rule, a_silence, an_act], ids=lambda one: one.__name__)
def test_what_changed_is_judged(house: House, judged: list[int], change: Callable[[House], None]) -> None:
    change(house)
    later(house, minutes=5)
    assert judged == [1]
    later(house, minutes=10)
    assert judged == [1]


@pytest.mark.parametrize("more", [{"days": 1}, {"hours": -4}], ids=["a day on", "not yet settled"])
def test_another_window_that_has_ended_is_judged(
    house: House, judged: list[int], more: dict[str, float]
) -> None:
    later(house, **more)
    assert judged == [1]


def told(house: House) -> list[object]:
    with house.store.read() as session:
        states = [
            (row.rule, row.segment, row.column, row.state, row.severity, row.since, row.as_of, row.reason)
            for row in rule_states(session, "lead")
        ]
    book = [
        (row.rule, row.segment, row.column, row.since, row.until, row.state, row.reason, row.evidence)
        for row in house.alerts()
    ]
    loop = [(row.state, row.resolution, row.opened_at, row.closed_at) for row in house.tickets()]
    return [sorted(states, key=repr), book, loop, [(row.kind, row.severity) for row in house.messages()]]


@pytest.mark.parametrize("seed", range(4))
def test_judging_what_is_new_finds_what_judging_all_of_it_finds(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    real = alerts.evaluate.read_known

    def seen(*args: object, **more: object) -> object:
        begun.append(args[-1])
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts.evaluate, "read_known", seen)
    rng = np.random.default_rng(seed)
    values = 0.12 + rng.normal(0, 0.004, 260)
    missing = np.abs(rng.normal(0.01, 0.003, 260))
    for _ in range(6):
        start, length = rng.integers(20, 250), rng.integers(1, 30)
        values[start : start + length] += rng.choice([-0.06, 0.05])
        start, length = rng.integers(20, 250), rng.integers(1, 40)
        missing[start : start + length] += 0.5
    houses = [House(tmp_path / name) for name in ("all", "new")]
    for at in range(260):
        for house in houses:
            points = [*conversions([values[at]], at), *rows(1, at)]
            points += [number(at, "quality.missing", missing[at], column="age")]
            house.save(points)
            if at in (90, 200):  # restated
                house.save(conversions([0.05] * 4, at - 40), why="late labels")
        if at % 5 and at < 255:
            continue
        with houses[0].store.write() as session:
            settings.put(session, "judged:lead", "{}")
        found = [house.evaluate(at + 1) for house in houses]
        assert found[0] == found[1], at
        assert told(houses[0]) == told(houses[1]), at
    assert len(houses[0].alerts()) > 2
    assert len(houses[0].messages()) > 1
    assert begun.count(None) < len(begun) * 0.6


def collected(house: House, first: int, last: int, moment: datetime) -> None:
    """Collect the days from `first` to before `last`."""
    rows = [a_window(at, start=day(at).start, collected_at=moment) for at in range(first, last)]
    with house.store.write() as session:
        windows.save_windows(session, rows)


@pytest.mark.parametrize(
    ("first", "hours"),
    [(DAYS + 2, 24), (DAYS - 5, 24), (DAYS + 2, 0)],
    ids=["new", "late rows", "same moment"],
)
def test_of_collected_windows_the_new_ones_are_judged(house: House, first: int, hours: int) -> None:
    model, watches = house.project.models["lead"], rules_of(house.project.models["lead"])
    now = house.at(DAYS + 20)
    later_on = now + timedelta(hours=hours)
    collected(house, 0, DAYS + 2, now)
    with house.store.write() as session:
        session.execute(
            update(AlertRow).values(state="withdrawn")
        )  # what lasts since an earlier day is judged from there
        keep(session, model, mark_of(session, house.project, model, watches, now), firing=0)
    collected(house, first, DAYS + 3, later_on)
    with house.store.read() as session:
        mark = mark_of(session, house.project, model, watches, later_on)
        since = unjudged_from(session, model, watches, mark)
    reach = max(watch.options.row for watch in watches) + RECOVERY[model.service_grain]
    expected = day(first).start if hours else day(0).start
    assert since == expected - reach * timedelta(days=1)


@pytest.mark.parametrize(
    ("action", "all_of_it"), [("verifying", False), ("overdue", False), ("verified", True)]
)
def test_only_a_new_level_makes_all_of_the_past_judged_again(
    house: House, action: str, all_of_it: bool
) -> None:
    model, watches = house.project.models["lead"], rules_of(house.project.models["lead"])
    (ticket,) = house.tickets()
    with house.store.write() as session:
        tickets.add_event(session, ticket.id, at=house.at(DAYS + 2), actor="a", action=action, detail={})
        mark = mark_of(session, house.project, model, watches, house.at(DAYS + 2))
        assert (unjudged_from(session, model, watches, mark) is None) == all_of_it
