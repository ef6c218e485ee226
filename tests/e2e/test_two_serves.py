"""Two schedulers on one PostgreSQL share the work; one that stands still is overtaken, and does no harm."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bench.soak import State
from tests.e2e.two import EVERY, MODELS, NOISE, Ground, Scheduling, Shared
from tests.notify.servers import Mailbox, mail_server

Made = Callable[[], tuple[Shared, Mailbox]]


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
    """Return what one scheduler leaves that nobody disturbs."""
    with mail_server() as (box, port):
        alone = ground.copy(port=port)
        one = alone.start()
        alone.wait(alone.is_done)
        left = alone.left()
        assert one.end() == 0
        alone.end()
    assert not NOISE.search(one.said), one.said
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
    first, second = project.start(), project.start()
    project.wait(lambda: project.is_done() and first.passed and second.passed)
    project.wait(lambda: all(len(project.runs(name)) > 1 for name in MODELS))
    assert (first.end(), second.end()) == (0, 0)

    assert_alike(project, box, wanted)
    assert_quiet(first, second)
    for name in MODELS:
        times = [row.now for row in project.runs(name)]
        assert min(b - a for a, b in itertools.pairwise(times)) > EVERY / 2, times


@pytest.mark.parametrize(
    ("table", "mode"),
    [
        pytest.param("profile", "ACCESS EXCLUSIVE", id="between two writes"),
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
    project.wait(project.is_done)
    assert other.passed.keys() == set(MODELS)
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
