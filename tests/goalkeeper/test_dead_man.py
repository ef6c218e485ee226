"""The supervising process tells once that passes have stopped, and only then."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.config import load
from goalkeeper.jobs.dead_man import DeadMan, dead_man_message
from store.database import Store
from store.heartbeats import PASS, beat
from tests.goalkeeper import small

HOUR = timedelta(hours=1)
START = small.NOW


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[DeadMan]:
    project = load(small.write(tmp_path))
    store = Store.open(project.store.reveal())
    yield DeadMan(project=project, store=store, started=START)
    store.close()


def mails(watching: DeadMan) -> list[str]:
    return [path.read_text() for path in sorted((watching.project.state_dir / "outbox").glob("*.eml"))]


def passed(watching: DeadMan, at: timedelta) -> None:
    with watching.store.write() as session:
        beat(session, PASS, START + at)


def test_it_is_silent_while_passes_run(watching: DeadMan) -> None:
    passed(watching, HOUR)

    assert watching.watch(START + HOUR + timedelta(minutes=5)) == 0
    assert mails(watching) == []


def test_it_gives_a_new_start_the_time_of_a_pass(watching: DeadMan) -> None:
    passed(watching, -24 * HOUR)  # it stood still over night and was just started

    assert watching.watch(START + timedelta(minutes=5)) == 0


def test_it_tells_once_since_when_nothing_moves(watching: DeadMan) -> None:
    passed(watching, HOUR)

    assert watching.watch(START + 3 * HOUR) == 1
    assert watching.watch(START + 4 * HOUR) == 0
    (mail,) = mails(watching)
    assert "Goalkeeper stands still: no pass for 2 hours" in mail
    assert "X-Goalkeeper-Kind: dead_man" in mail


def test_it_tells_again_after_passes_ran_in_between(watching: DeadMan) -> None:
    passed(watching, HOUR)
    watching.watch(START + 3 * HOUR)
    passed(watching, 5 * HOUR)

    assert watching.watch(START + 5 * HOUR) == 0
    assert watching.watch(START + 8 * HOUR) == 1


def test_a_restart_of_the_supervisor_tells_it_no_second_time(watching: DeadMan) -> None:
    passed(watching, HOUR)
    watching.watch(START + 3 * HOUR)

    again = DeadMan(project=watching.project, store=watching.store, started=START)

    assert again.watch(START + 4 * HOUR) == 0


def test_it_tells_of_a_scheduler_that_never_began(watching: DeadMan) -> None:
    assert watching.watch(START + HOUR) == 1


def test_the_message_lets_no_text_of_others_into_its_html(watching: DeadMan) -> None:
    message = dead_man_message(watching.project, START, START + HOUR, "<b>no</b>")

    assert "&lt;b&gt;no" in message.html
