"""Channels against real servers, and the contract that every kind keeps."""

import hmac
import json
import ssl
from email import message_from_bytes
from email.policy import default
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from core.config import Smtp
from core.errors import DeliveryError
from core.messages import Severity
from core.plugins import PORTS, load, names
from notify.channels import apprise, email, file, webhook
from notify.channels.base import Envelope, House
from notify.mail import compose
from tests.notify.servers import NOON, PNG, certificate, free_port, mail_server, message, post_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's own import

TO = "growth@example.com"
FIRST = Envelope(message_id="abc@example.com", thread="", at=NOON, now=NOON)


def house(folder, **smtp):
    told = {"host": "127.0.0.1", "from": "Goalkeeper <gk@example.com>", "tls": "none", "timeout": "5s"} | smtp
    return House(
        smtp=Smtp.model_validate(told) if smtp else None, state_dir=folder, public_url="http://localhost:8501",
        zone=ZoneInfo("UTC"),
    )  # fmt: skip


def mailer(folder, *to, **smtp):
    return email.Channel(email.Options(to=to or (TO,)), house(folder, **smtp))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def trusted(keys, monkeypatch):
    real = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: real(cafile=str(keys[0])))
    return keys


# --- the contract -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", names(PORTS["channel"]))
def test_it_is_a_channel(kind):
    module = load(PORTS["channel"], kind)
    assert module.__doc__
    assert issubclass(module.Options, BaseModel)
    assert module.Options.model_config["frozen"]
    assert module.Options.model_config["extra"] == "forbid"
    assert callable(module.Channel.send)


def options_of(kind, address):
    return {
        "email": {"to": [TO]}, "file": {}, "webhook": {"url": address, "secret": "hush-4711"},
        "apprise": {"urls": [address.replace("http://", "json://")]},
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", names(PORTS["channel"]))
def test_it_hands_a_message_over_and_can_do_so_again(kind, tmp_path):
    module = load(PORTS["channel"], kind)
    with mail_server() as (box, port), post_server() as (posts, address):
        channel = module.Channel(
            module.Options.model_validate(options_of(kind, address)), house(tmp_path, port=port)
        )
        channel.send(message(), FIRST)
        channel.send(message(), FIRST)
    files = [path.read_bytes() for path in (tmp_path / "outbox").glob("*")] if kind == "file" else []
    told = [mail.as_bytes() for mail in box.mails] or [body for _head, body in posts.got] or files * 2
    assert len(told) == 2
    assert told[0] == told[1]
    assert b"Conversion fell" in told[0]


@pytest.mark.parametrize("kind", [kind for kind in names(PORTS["channel"]) if kind != "file"])
def test_it_says_that_nobody_answers_and_keeps_its_secrets(kind, tmp_path):
    module = load(PORTS["channel"], kind)
    port = free_port()
    address = f"http://127.0.0.1:{port}/hook/s3cr3t"
    channel = module.Channel(
        module.Options.model_validate(options_of(kind, address)), house(tmp_path, port=port)
    )
    with pytest.raises(DeliveryError) as caught:
        channel.send(message(), FIRST)
    assert not caught.value.permanent
    assert caught.value.message
    assert "s3cr3t" not in str(caught.value)
    assert "hush" not in str(caught.value)


# --- e-mail -------------------------------------------------------------------------------------------------


def test_it_speaks_starttls_and_logs_in(tmp_path, trusted):
    with mail_server(trusted) as (box, port):
        mailer(tmp_path, port=port, tls="starttls", user="gk", password="right").send(message(), FIRST)
    (mail,) = box.mails
    assert box.tls == [True]
    assert box.users == ["gk"]
    assert mail["Message-ID"] == "<abc@example.com>"
    assert mail["Date"] == "Wed, 29 Apr 2026 12:00:00 +0000"
    assert mail["Subject"] == "Conversion fell"
    assert mail["To"] == TO
    assert mail.get_body(("plain",)).get_content().strip() == "Conversion fell to 9 %."
    assert "cid:trend" in mail.get_body(("html",)).get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<trend>"
    assert picture.get_payload(decode=True) == PNG


def test_it_says_that_the_login_was_refused(tmp_path, trusted):
    with mail_server(trusted) as (_box, port), pytest.raises(DeliveryError) as caught:
        mailer(tmp_path, port=port, tls="starttls", user="gk", password="wrong-4711").send(message(), FIRST)
    assert caught.value.permanent
    assert caught.value.message == f"127.0.0.1:{port} refused the login of gk."
    assert "smtp.password" in caught.value.hint
    assert "4711" not in str(caught.value)


def test_it_does_not_trust_any_certificate(tmp_path, keys):
    with mail_server(keys) as (box, port), pytest.raises(DeliveryError, match="is not trusted") as caught:
        mailer(tmp_path, port=port, tls="starttls").send(message(), FIRST)
    assert caught.value.permanent
    assert box.mails == []


def test_it_never_falls_back_to_plain_text(tmp_path):
    with mail_server() as (box, port), pytest.raises(DeliveryError) as caught:
        mailer(tmp_path, port=port, tls="starttls").send(message(), FIRST)
    assert caught.value.permanent
    assert "STARTTLS" in caught.value.message
    assert box.mails == []


def test_it_gives_up_on_a_recipient_that_does_not_exist(tmp_path):
    with mail_server() as (box, port):
        box.refuse[TO] = "550 no such user"
        with pytest.raises(DeliveryError) as caught:
            mailer(tmp_path, port=port).send(message(), FIRST)
    assert caught.value.permanent
    assert caught.value.message == "growth@example.com was refused: 550 no such user"


def test_it_tries_again_where_the_server_says_later(tmp_path):
    with mail_server() as (box, port):
        box.refuse[TO] = "451 greylisted"
        with pytest.raises(DeliveryError) as caught:
            mailer(tmp_path, port=port).send(message(), FIRST)
        box.refuse, box.data = {}, "452 full"
        with pytest.raises(DeliveryError) as full:
            mailer(tmp_path, port=port).send(message(), FIRST)
    assert not caught.value.permanent
    assert not full.value.permanent


def test_it_serves_the_others_when_one_is_refused(tmp_path):
    with mail_server() as (box, port):
        box.refuse["gone@example.com"] = "550 gone"
        with pytest.raises(DeliveryError, match=r"gone@example\.com was refused") as caught:
            mailer(tmp_path, TO, "gone@example.com", port=port).send(message(), FIRST)
    assert caught.value.permanent
    assert len(box.mails) == 1


def test_it_threads_what_follows(tmp_path):
    with mail_server() as (box, port):
        later = Envelope(message_id="def@example.com", thread="abc@example.com", at=NOON, now=NOON)
        mailer(tmp_path, port=port).send(message(kind="resolved"), later)
    assert box.mails[0]["In-Reply-To"] == box.mails[0]["References"] == "<abc@example.com>"


@given(subject=st.text(max_size=300), sender=st.sampled_from(["\r\nBcc: x@example.com", "\n\nbody", "ok"]))
def test_it_cannot_be_made_to_write_headers(subject, sender):
    mail = compose(message(subject=f"{subject}{sender}"), FIRST, sender="gk@example.com", to=(TO,))
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert read["Bcc"] is None
    assert read.get_all("Subject") is not None
    assert len(read.get_all("Subject")) == 1
    assert "\n" not in read["Subject"]
    assert read.get_body(("plain",)).get_content().strip() == "Conversion fell to 9 %."


@pytest.mark.parametrize("to", ["x", "a@b.c\nBcc: d@e.f", "a@b.c, d@e.f", ""])
def test_it_refuses_what_is_no_address(to):
    with pytest.raises(ValidationError, match="not an e-mail address"):
        email.Options(to=(to,))


def test_it_writes_files_without_a_mail_server(tmp_path):
    mailer(tmp_path).send(message(), FIRST)
    mailer(tmp_path).send(message(), FIRST)
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == "abc_example.com.eml"
    assert message_from_bytes(path.read_bytes(), policy=default)["Message-ID"] == "<abc@example.com>"


def test_it_says_where_it_could_not_write(tmp_path):
    (tmp_path / "outbox").write_text("a file stands in the way")
    with pytest.raises(DeliveryError, match="cannot be written"):
        file.Channel(file.Options(), house(tmp_path)).send(message(), FIRST)


# --- webhook ------------------------------------------------------------------------------------------------


def test_it_signs_what_it_posts(tmp_path):
    with post_server() as (posts, address):
        options = webhook.Options.model_validate({"url": address, "secret": "hush-4711"})
        webhook.Channel(options, house(tmp_path)).send(message(severity=Severity.CRITICAL), FIRST)
    ((headers, body),) = posts.got
    stamp, given = (part.partition("=")[2] for part in headers["Goalkeeper-Signature"].split(","))
    assert stamp == str(int(NOON.timestamp()))
    assert hmac.compare_digest(
        given, hmac.new(b"hush-4711", f"{stamp}.".encode() + body, "sha256").hexdigest()
    )
    assert headers["Idempotency-Key"] == "abc@example.com"
    told = json.loads(body)
    assert told["dedup_key"] == "ticket:lead:outcome:20260401"
    assert (told["kind"], told["severity"]) == ("opened", "critical")


@pytest.mark.parametrize(("code", "permanent"), [(404, True), (429, False), (503, False), (302, True)])
def test_it_tells_refusals_from_troubles(tmp_path, code, permanent):
    with post_server() as (posts, address):
        posts.code = code
        with pytest.raises(DeliveryError, match=str(code)) as caught:
            webhook.Channel(webhook.Options.model_validate({"url": address}), house(tmp_path)).send(
                message(), FIRST
            )
    assert caught.value.permanent is permanent
    assert len(posts.got) == 1
    assert "s3cr3t" not in str(caught.value)


# --- apprise ------------------------------------------------------------------------------------------------


def test_it_refuses_an_address_that_apprise_does_not_know():
    with pytest.raises(ValidationError, match="does not understand"):
        apprise.Options.model_validate({"urls": "carrier-pigeon://home"})
