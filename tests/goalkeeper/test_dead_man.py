"""The supervising process tells once that passes have stopped, and only then."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.config import load
from goalkeeper.jobs.dead_man import DeadMan, dead_man_message
from store.database import Store
from store.heartbeats import PASS, beat
from tests.goalkeeper import small
from tests.notify.servers import certificate, mail_server

HOUR = timedelta(hours=1)
START = small.NOW


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[DeadMan]:
    project = load(small.write(tmp_path))
    store = Store.open(project.store.reveal())
    yield DeadMan(project=project, store=store, started=START)
    store.close()


def mails(watching: DeadMan) -> list[EmailMessage]:
    found = [
        message_from_bytes(path.read_bytes(), policy=default)
        for path in sorted((watching.project.state_dir / "outbox").glob("*.eml"))
    ]
    return [mail for mail in found if isinstance(mail, EmailMessage)]


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


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
    assert mail["Subject"] == "▲ Goalkeeper stands still: no pass for 2 hours"
    assert (mail["X-Goalkeeper-Kind"], mail["X-Priority"]) == ("dead_man", "1")


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


def test_of_two_who_watch_one_tells(watching: DeadMan, monkeypatch: pytest.MonkeyPatch) -> None:
    other = DeadMan(project=watching.project, store=watching.store, started=START + timedelta(minutes=2))
    tell = DeadMan._tell

    def told(one: DeadMan, *facts: Any) -> bool:
        if one is watching:
            assert other.watch(START + HOUR) == 0  # at the same moment
        return tell(one, *facts)

    monkeypatch.setattr(DeadMan, "_tell", told)

    assert watching.watch(START + HOUR) == 1
    assert other.watch(START + HOUR) == 0  # though it began to watch later
    assert other.watch(START + 5 * HOUR) == 0
    assert len(mails(watching)) == 1


def test_text_and_html_say_the_same(watching: DeadMan) -> None:
    message = dead_man_message(watching.project, START, START + 2 * HOUR, "database <locked>")

    for body in (message.text, message.html):
        for told in (
            "No pass has ended since 30 March, 06:00.", "goalkeeper check", "every 1 minute",
            "30 March, 08:00, after 2 hours", "http://localhost:8501/collectors",
        ):  # fmt: skip
            assert told in body, told
    assert "The store answers: database <locked>" in message.text
    assert "database &lt;locked&gt;" in message.html
    assert "<locked>" not in message.html


@pytest.mark.parametrize("spoken", ["en", "ru"])
def test_a_mail_server_takes_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoken: str) -> None:
    keys, real = certificate(tmp_path), ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: real(cafile=str(keys[0])))
    with mail_server(keys) as (box, port):
        path = small.write(tmp_path)
        body = yaml.safe_load(path.read_text()) | {
            "language": spoken, "channels": {"owners": {"kind": "email", "to": ["growth@example.com"]}},
            "smtp": {
                "host": "127.0.0.1", "port": port, "tls": "starttls", "user": "gk", "password": "right",
                "from": "Goalkeeper <gk@example.com>",
            },
        }  # fmt: skip
        path.write_text(yaml.safe_dump(body))
        project = load(path)
        store = Store.open(project.store.reveal())
        watching = DeadMan(project=project, store=store, started=START)

        assert watching.watch(START + 3 * HOUR) == 1
        assert watching.watch(START + 4 * HOUR) == 0
        store.close()

    (mail,) = box.mails
    assert (box.tls, box.users) == ([True], ["gk"])
    told = {
        "en": ("Goalkeeper stands still: no pass for 3 hours", "No pass has ended since"),
        "ru": ("Goalkeeper стоит: проходов нет уже 3 часа", "не закончился ни один проход"),
    }[spoken]
    assert mail["Subject"] == f"▲ {told[0]}"
    assert mail["To"] == "growth@example.com"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        assert told[1] in part(mail, kind)
