"""Rules are judged again when something that they read has changed, and only then."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import alerts.evaluate
from alerts.evaluate import EvaluateResult, evaluate
from store import silences, tickets
from tests.alerts.house import QUIET, TWO, House, conversions, rows

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
