"""Real servers on this machine: mail with STARTTLS and login, and a receiver of posts."""

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from core.messages import Message, Picture, Severity

NOON = datetime(2026, 4, 29, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\nnot a real one"


def message(**more: Any) -> Message:
    """An opened ticket's message."""
    told: dict[str, Any] = {
        "key": "ticket:lead:outcome:20260401", "kind": "opened", "severity": Severity.MAJOR,
        "subject": "Conversion fell", "text": "Conversion fell to 9 %.\n",
        "html": '<p>Conversion fell to 9 %.<img src="cid:trend"></p>', "link": "http://localhost:8501/tickets?ticket=1",
        "pictures": (Picture(name="trend", png=PNG, text="a line that falls"),),
    }  # fmt: skip
    return Message(**(told | more))


@dataclass
class Mailbox:
    """What the server took, and how it answers; while it is `slow` nobody gets an answer to a whole mail."""

    slow: bool = False
    waiting: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    data: str = ""
    tls: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data:
            return self.data
        self.tls.append(session.ssl is not None)
        self.waiting += 1
        while self.slow:
            await asyncio.sleep(0.02)
        self.waiting -= 1
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, login):
        good = isinstance(login, LoginPassword) and (login.login, login.password) == (b"gk", b"right")
        if good:
            self.users.append(login.login.decode())
        return AuthResult(success=good, handled=good)


@contextmanager
def mail_server(certificate: tuple[Path, Path] | None = None, port: int = 0) -> Iterator[tuple[Mailbox, int]]:
    """Serve SMTP; with a certificate it demands STARTTLS and a login."""
    box = Mailbox()
    more: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        more = {
            "tls_context": context, "require_starttls": True, "auth_required": True,
            "authenticator": box.authenticate,
        }  # fmt: skip
    server = Controller(box, hostname="127.0.0.1", port=port or free_port(), **more)
    server.start()
    try:
        yield box, server.port
    finally:
        server.stop()


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@dataclass
class Posts:
    """What the receiver got: headers and body; `code` is what it answers."""

    code: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def post_server() -> Iterator[tuple[Posts, str]]:
    """Serve an address that takes posts."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.got.append((dict(self.headers), body))
            self.send_response(posts.code)
            if posts.code in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield posts, f"http://127.0.0.1:{server.server_port}/hook/s3cr3t"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
