"""`kill -9` at any instant of a pass: the next one ends as if nobody had killed it, on both databases."""

from collections import Counter

import pytest

from bench.soak import Ground, soak
from tests.conftest import BOTH

KILLS = [pytest.param(3, id="3"), pytest.param(20, id="20", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=BOTH)
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Return a store that was passed once, and what an undisturbed second pass makes of it."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else ""
    return Ground.laid(tmp_path_factory.mktemp("soak") / request.param, server)


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_pass_loses_nothing_and_doubles_nothing(ground: Ground, kills: int) -> None:
    found = soak(ground, kills)
    assert (found.lost, found.doubled) == (0, 0), "\n".join(found.faults)
    assert sum(found.reached.values()) == kills


def test_what_a_pass_writes_is_seen_to_be_missing_without_it(ground: Ground) -> None:
    project = ground.copy()
    gone = Counter(row.partition(" ")[0] for row in ground.wanted - ground.state(project))
    ground.drop(project)
    assert gone.keys() >= {"window", "profile", "metric", "goal", "rule_state", "alert", "alert_change"}
    assert {name: gone[name] for name in ("incident", "ticket", "outbox", "mail")} == dict.fromkeys(
        ("incident", "ticket", "outbox", "mail"), 1
    )


@pytest.mark.slow
def test_a_second_pass_after_a_whole_one_changes_nothing(ground: Ground) -> None:
    project = ground.copy()
    ground.finish(project)
    assert ground.finish(project) == ground.wanted
    ground.drop(project)
