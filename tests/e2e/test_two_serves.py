"""Two schedulers on one PostgreSQL share the work; one that stands still is overtaken, and does no harm."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from bench.soak import State
from goalkeeper.serve import free_port
from tests.e2e.two import EVERY, LEASE, MODELS, NOISE, Ground, Scheduling, Shared
from tests.notify.servers import Mailbox, mail_server


@pytest.fixture(scope="module")
def ground(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground.laid(tmp_path_factory.mktemp("two") / "ground", postgres_server)


@pytest.fixture
def shared(ground: Ground) -> Iterator[tuple[Shared, Mailbox]]:
    with mail_server() as (box, port):
        made = ground.copy(port=port)
        yield made, box
        box.slow = False
        made.end()


@pytest.fixture(scope="module")
def wanted(ground: Ground) -> State:
    """Return what one pass leaves that nobody disturbs."""
    with mail_server() as (box, port):
        alone = ground.copy(port=port)
        alone.collect()
        assert alone.deliver() == len(MODELS)
        left = alone.left()
        alone.end()
    assert len(box.mails) == len(MODELS)
    counted = Counter(row.partition(" ")[0] for row in left.elements())
    assert (counted["ticket"], counted["outbox"]) == (len(MODELS), len(MODELS))
    return left


def assert_alike(shared: Shared, box: Mailbox, wanted: State) -> None:
    """Tell whether all ended as if one had worked alone, and each mail came once."""
    left = shared.left()
    told = [f"- {row[:300]}" for row in wanted - left] + [f"+ {row[:300]}" for row in left - wanted]
    assert not told, "\n".join(told[:20])
    assert sorted(Counter(mail["Message-ID"] for mail in box.mails).values()) == [1] * len(MODELS)


def assert_quiet(*all_: Scheduling) -> None:
    for one in all_:
        assert not NOISE.search(one.said), one.said


def test_two_share_the_work_and_do_nothing_twice(shared: tuple[Shared, Mailbox], wanted: State) -> None:
    project, box = shared
    work_together(project, project.start(), project.start())
    assert_alike(project, box, wanted)


@pytest.mark.slow
def test_two_serves_share_the_work_and_do_nothing_twice(
    shared: tuple[Shared, Mailbox], wanted: State
) -> None:
    """Started at one moment on one machine, both may find the same port free; one moves then."""
    project, box = shared
    port = str(free_port("127.0.0.1", 18701))
    words = ("goalkeeper", "serve", "--config", str(project.config), "--port", port)
    both = project.start(*words), project.start(*words)
    project.wait(lambda: len({one.healthy() for one in both} - {""}) == 2)
    work_together(project, *both)
    assert_alike(project, box, wanted)


def work_together(project: Shared, first: Scheduling, second: Scheduling) -> None:
    """Let two work until both have passed over something, and everything was passed over twice."""
    project.wait(lambda: project.is_done() and first.passed and second.passed)
    project.wait(lambda: all(len(project.runs(name)) > 1 for name in MODELS))
    assert (first.end(), second.end()) == (0, 0)
    assert_quiet(first, second)
    for name in MODELS:
        times = [row.now for row in project.runs(name)]
        assert min(b - a for a, b in itertools.pairwise(times)) > EVERY / 2, times


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_that_stand_still_at_any_instant_do_nothing_twice(
    shared: tuple[Shared, Mailbox], wanted: State, seed: int
) -> None:
    project, box = shared
    rng = random.Random(seed)
    both = [project.start(), project.start()]
    project.wait(lambda: any(project.runs(name) for name in MODELS))
    for turn in range(6):
        time.sleep(rng.uniform(0, 1))
        both[turn % 2].stand_still()
        time.sleep(rng.uniform(0.5, 3) * LEASE.total_seconds())
        both[turn % 2].wake()
    project.wait(project.is_done)
    project.wait(lambda: all(one.passed for one in both))
    assert [one.end() for one in both] == [0, 0]
    assert_alike(project, box, wanted)


@pytest.mark.parametrize(
    ("table", "mode"),
    [
        pytest.param("profile", "ACCESS EXCLUSIVE", id="between two writes", marks=pytest.mark.slow),
        pytest.param("metric", "SHARE ROW EXCLUSIVE", id="inside a write"),
    ],
)
def test_one_that_stands_still_while_it_collects_is_overtaken_and_refused(
    shared: tuple[Shared, Mailbox], wanted: State, table: str, mode: str
) -> None:
    project, box = shared
    with project.locked(table, mode):
        (still,) = project.all
    (model,) = [name for name in MODELS if project.runs(name)]

    other = project.start()
    project.wait(lambda: project.is_done() and other.passed.keys() == set(MODELS))
    assert [row.state for row in project.runs(model)][:2] == ["failed", "done"]
    assert not still.passed
    other.end()
    left = project.left()

    still.wake()
    project.wait(lambda: f"INFO {model}: model {model} was taken over" in still.said)
    assert project.runs(model)[0].error == "It was ended, or stood still, in the middle."
    project.wait(lambda: still.passed.keys() == set(MODELS))  # it goes on as if nothing had been
    assert still.end() == 0

    assert_alike(project, box, wanted)
    assert project.left() == left
    assert_quiet(still, other)


@pytest.mark.slow
def test_one_that_stands_still_while_it_sends_is_overtaken_where_it_can_be(
    shared: tuple[Shared, Mailbox], wanted: State
) -> None:
    """The server has the first mail, which must not come again; the others are claimed and still here."""
    project, box = shared
    project.collect()
    box.slow = True
    still = project.start()
    project.wait(lambda: box.waiting)
    project.wait(lambda: [row.state for row in project.messages()] == ["claimed"] * len(MODELS))
    still.stand_still()
    box.slow = False

    other = project.start()
    project.wait(lambda: len(box.mails) == len(MODELS))
    project.wait(lambda: Counter(row.state for row in project.messages()) == {"sent": 2, "claimed": 1})
    project.wait_for_worker()
    other.end()

    still.wake()
    project.wait(project.is_done)
    project.wait_for_worker()
    assert still.end() == 0
    assert_alike(project, box, wanted)
    assert_quiet(still, other)
