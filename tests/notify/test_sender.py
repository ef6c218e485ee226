"""The outbox is emptied: once each, again where it failed, under the same id."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.config import load
from core.errors import GoalkeeperError
from notify import sender
from notify.sender import PAUSES, deliver, message_id, outbox_key
from store import outbox
from store.database import Store
from tests.notify.servers import NOON, free_port, mail_server, message, post_server

FILE = """\
plugins: my_plugins
store: sqlite:///{folder}/gk.db
smtp: {{host: 127.0.0.1, port: {port}, tls: none, from: gk@example.com, timeout: 5s}}
channels: {{owners: {{kind: email, to: [growth@example.com]}}}}
models:
  lead:
    predictions: {{kind: made, columns: {{time: at, score: p}}}}
"""


class Post:
    """A project with a store and a mail server's port."""

    def __init__(self, folder: Path) -> None:
        plug = folder / "my_plugins" / "sources" / "made.py"
        plug.parent.mkdir(parents=True)
        plug.write_text("from pydantic import BaseModel\n\n\nclass Options(BaseModel):\n    pass\n")
        self.port = free_port()
        (folder / "goalkeeper.yaml").write_text(FILE.format(folder=folder, port=self.port))
        self.project = load(folder / "goalkeeper.yaml")
        self.store = Store.open(self.project.store.reveal())

    def configure(self, **more: str) -> None:
        """Say more in the file."""
        path = self.project.path
        path.write_text(path.read_text() + "".join(f"{key}: {value}\n" for key, value in more.items()))
        self.project = load(path)

    def queue(
        self, thing: str = "ticket:1", kind: str = "opened", channel: str = "owners", now=NOON,
        severity="major",
    ) -> bool:  # fmt: skip
        with self.store.write() as session:
            return outbox.enqueue(
                session, key=outbox_key(thing, kind, channel), kind=kind, channel=channel, model="lead",
                severity=severity, payload={}, now=now,
            )  # fmt: skip

    def deliver(self, now=NOON, render=None):
        return deliver(
            project=self.project, store=self.store, now=now, worker="w", clock=lambda: now,
            render=render or (lambda row: message(key=row.key.split("|")[0], kind=row.kind)),
        )  # fmt: skip

    def rows(self):
        with self.store.read() as session:
            return sorted(outbox.messages(session), key=lambda row: row.id)


@pytest.fixture
def post(tmp_path):
    made = Post(tmp_path)
    yield made
    made.store.close()


def test_it_sends_what_is_due_once(post):
    post.queue()
    assert not post.queue()
    with mail_server(port=post.port) as (box, _port):
        assert post.deliver().sent == 1
        assert post.deliver().sent == 0
    (mail,) = box.mails
    (row,) = post.rows()
    assert (row.state, row.subject, row.sent_at) == ("sent", "Conversion fell", NOON)
    assert mail["Message-ID"].endswith("@example.com>")


def test_it_threads_the_resolve_under_the_opening(post):
    post.queue()
    post.queue(kind="resolved", now=NOON + timedelta(days=3))
    with mail_server(port=post.port) as (box, _port):
        post.deliver(NOON + timedelta(days=3))
    opened, resolved = box.mails
    assert opened["In-Reply-To"] is None
    assert resolved["In-Reply-To"] == opened["Message-ID"]
    assert resolved["Message-ID"] != opened["Message-ID"]


def test_it_tries_again_with_growing_pauses_until_the_server_is_up(post):
    post.queue()
    assert post.deliver().retried == 1
    (row,) = post.rows()
    assert (row.state, row.not_before) == ("queued", NOON + PAUSES[0])
    assert "cannot be reached" in row.error
    assert post.deliver(NOON + timedelta(seconds=30)).retried == 0
    later = NOON + PAUSES[0]
    assert post.deliver(later).retried == 1
    assert post.rows()[0].not_before == later + PAUSES[1]
    with mail_server(port=post.port) as (box, _port):
        assert post.deliver(later + PAUSES[1]).sent == 1
    assert box.mails[0]["Date"] == "Wed, 29 Apr 2026 12:00:00 +0000"


def test_it_stops_where_a_retry_cannot_help(post):
    post.queue()
    with mail_server(port=post.port) as (box, _port):
        box.refuse["growth@example.com"] = "550 no such user"
        assert post.deliver().failed == 1
        box.refuse.clear()
        assert post.deliver(NOON + timedelta(days=1)).sent == 0
    (row,) = post.rows()
    assert row.state == "failed"
    assert "550 no such user" in row.error


def test_a_sender_that_was_overtaken_leaves_the_rest_of_its_claims_alone(post):
    post.queue()
    post.queue("ticket:2")
    other = []

    def render(row):
        later = NOON + outbox.PATIENCE + timedelta(minutes=1)
        other.extend(outbox.claim(post.store, "other", NOON, 9, clock=later))
        return message(key=row.key.split("|")[0], kind=row.kind)

    with mail_server(port=post.port) as (box, _port):
        assert post.deliver(render=render).sent == 1
    assert len(box.mails) == 1
    assert [row.key for row in other] == ["ticket:1|opened|owners", "ticket:2|opened|owners"]
    assert [(row.state, row.claimed_by) for row in post.rows()] == [("claimed", "other")] * 2


def test_it_repeats_the_same_message_after_a_crash(post, monkeypatch):
    post.queue()

    def killed(**_facts):
        raise KeyboardInterrupt

    with mail_server(port=post.port) as (box, _port):
        with monkeypatch.context() as patched:
            patched.setattr(sender.outbox, "Ended", killed)  # sent, and not yet noted
            with pytest.raises(KeyboardInterrupt):
                post.deliver()
        assert post.deliver(NOON + timedelta(minutes=1)).sent == 0  # the claim still holds
        assert post.deliver(NOON + timedelta(minutes=6)).sent == 1
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


def test_it_lets_one_message_that_cannot_be_written_not_hold_up_the_others(post):
    def render(row):
        if row.key.startswith("bad"):
            raise ValueError("no such figure")
        if row.key.startswith("gone"):
            raise GoalkeeperError("Ticket 9 is gone.")
        return message(key="good")

    for thing in ("bad", "gone", "good"):
        post.queue(thing)
    with mail_server(port=post.port):
        done = post.deliver(render=render)
    assert (done.sent, done.failed) == (1, 2)
    assert [row.error for row in post.rows()][:2] == [
        "The message could not be written: ValueError: no such figure",
        "Ticket 9 is gone.",
    ]


def test_it_says_that_a_channel_is_gone(post):
    post.queue(channel="ownrs")
    assert post.deliver().failed == 1
    assert "There is no channel 'ownrs' any more." in post.rows()[0].error


def test_it_gives_up_after_a_week(post):
    post.queue()
    assert post.deliver(NOON + timedelta(days=8)).failed == 1


def test_it_names_a_message_by_its_key_alone(post):
    from notify.channels.base import House

    house = House.of(post.project)
    assert message_id("a|opened|x", house) == message_id("a|opened|x", house)
    assert message_id("a|opened|x", house) != message_id("a|opened|y", house)


def test_many_messages_at_once_become_one(post):
    for at in range(30):
        post.queue(f"ticket:{at}")
    post.queue("digest:1", "digest")
    with mail_server(port=post.port) as (box, _port):
        assert post.deliver().sent == 2
        post.queue("ticket:99")
        assert post.deliver().sent == 1
    kinds = [(row.kind, row.state) for row in post.rows()]
    assert kinds.count(("opened", "bundled")) == 30
    assert ("bundle", "sent") in kinds
    assert len(box.mails) == 3
    (bundle,) = [row for row in post.rows() if row.kind == "bundle"]
    assert len(bundle.payload["messages"]) == 30
    assert bundle.severity == "major"


def test_a_bundle_that_could_not_leave_is_sent_as_it_is(post):
    for at in range(12):
        post.queue(f"ticket:{at}")
    assert post.deliver().retried == 1
    post.queue("ticket:77")
    with mail_server(port=post.port) as (box, _port):
        assert post.deliver(NOON + PAUSES[0]).sent == 2
    assert len(box.mails) == 2


def test_a_pager_gets_each_of_many(post, tmp_path):
    path = tmp_path / "goalkeeper.yaml"
    with post_server() as (posts, url):
        path.write_text(
            path.read_text().replace("channels: {", f"channels: {{pager: {{kind: webhook, url: '{url}'}}, ")
        )
        post.project = load(path)
        for at in range(14):
            post.queue(f"ticket:{at}", channel="pager")
        assert post.deliver().sent == 14
        assert len(posts.got) == 14


def test_in_quiet_hours_minor_messages_wait_and_the_rest_goes(post):
    post.configure(quiet_hours='{from: "22:00", to: "07:00"}', timezone="Europe/Berlin")
    night = NOON.replace(hour=21)  # 23:00 in Berlin
    for severity in ("critical", "major", "minor", "notice"):
        post.queue(f"ticket:{severity}", severity=severity, now=night)
    post.queue("digest:1", "digest", severity="notice", now=night)
    with mail_server(port=post.port) as (box, _port):
        assert post.deliver(night).sent == 3
        assert post.deliver(night + timedelta(hours=7)).sent == 0  # 06:00
        assert post.deliver(night + timedelta(hours=8)).sent == 2  # 07:00
        assert len(box.mails) == 5


def test_it_is_not_quiet_by_day(post):
    post.configure(quiet_hours='{from: "22:00", to: "07:00"}', timezone="Europe/Berlin")
    post.queue(severity="notice")
    with mail_server(port=post.port):
        assert post.deliver().sent == 1


def test_a_channel_lets_only_so_many_leave_in_an_hour_the_worst_first(post):
    path = post.project.path
    path.write_text(
        path.read_text().replace("to: [growth@example.com]", "to: [growth@example.com], per_hour: 3")
    )
    post.configure()
    for at, severity in enumerate(["minor", "minor", "major", "minor", "critical", "minor"]):
        post.queue(f"ticket:{at}", severity=severity)
    with mail_server(port=post.port):
        assert post.deliver().sent == 3
        assert {row.severity for row in post.rows() if row.state == "sent"} == {"critical", "major", "minor"}
        post.queue("ticket:7", severity="critical", now=NOON + timedelta(minutes=5))
        assert post.deliver(NOON + timedelta(minutes=5)).sent == 1
        assert post.deliver(NOON + timedelta(minutes=59)).sent == 0
        assert post.deliver(NOON + timedelta(minutes=61)).sent > 0
        assert post.deliver(NOON + timedelta(minutes=130)).failed == 0
        assert {row.state for row in post.rows()} == {"sent"}
