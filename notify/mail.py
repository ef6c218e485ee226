"""Make an e-mail of a message, and drop it as a file where there is no mail server."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import DeliveryError
from core.files import write_atomically
from core.messages import Message, Severity
from core.text import gettext as _
from notify.channels.base import Envelope

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SPEC = r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+"
_ADDRESS = re.compile(rf"(?P<bare>{_SPEC})|(?P<name>[^<>@,;]*)<(?P<inner>{_SPEC})>")
_URGENT = {Severity.CRITICAL: "1", Severity.MAJOR: "2"}
LONGEST_SUBJECT = 200


def one_line(text: str) -> str:
    """Return text fit for a header: one line, no control characters, not over-long."""
    return _CONTROL.sub(" ", text).strip()[:LONGEST_SUBJECT]


def address(text: str) -> Address:
    """Read 'growth@example.com' or 'Growth <growth@example.com>'.

    Raises:
        ValueError: it is not one address.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or _CONTROL.search(text):
        raise ValueError(_("'{text}' is not an e-mail address.").format(text=one_line(text)))
    return Address(display_name=(found["name"] or "").strip(' "'), addr_spec=found["inner"] or found["bare"])


def compose(message: Message, envelope: Envelope, *, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """Make the mail: text, HTML beside it, pictures inside the HTML; headers that repeat byte for byte.

    Raises:
        DeliveryError: an address cannot be read (permanent).
    """
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = address(sender)
        mail["To"] = [address(one) for one in to]
    except ValueError as error:
        raise DeliveryError(
            str(error), permanent=True, hint=_("Correct the address in goalkeeper.yaml.")
        ) from error
    mail["Subject"] = one_line(message.subject)
    mail["Date"] = format_datetime(envelope.at)
    mail["Message-ID"] = f"<{envelope.message_id}>"
    if envelope.thread:
        mail["In-Reply-To"] = mail["References"] = f"<{envelope.thread}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Goalkeeper-Kind"] = message.kind
    if message.severity in _URGENT and message.kind in ("opened", "dead_man"):
        mail["X-Priority"] = _URGENT[message.severity]
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    body = mail.get_payload()
    assert isinstance(body, list)
    for picture in message.pictures:
        html = body[1]
        assert isinstance(html, EmailMessage)
        html.add_related(
            picture.png,
            "image",
            "png",
            cid=f"<{picture.name}>",
            filename=f"{picture.name}.png",
            disposition="inline",
        )
    mark = f"=_{envelope.message_id.partition('@')[0]}"
    for at, part in enumerate(one for one in mail.walk() if one.is_multipart()):
        part.set_boundary(f"{mark}_{at}")
    return mail


def domain_of(sender: str, public_url: str) -> str:
    """Return the domain of Message-IDs: the sender's, else the dashboard's host, else a name of our own."""
    host = sender.partition("@")[2].rstrip(" >") or urlsplit(public_url).hostname or ""
    return host if re.fullmatch(r"[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+", host) else "goalkeeper.invalid"


def drop(mail: EmailMessage, folder: Path) -> Path:
    """Write the mail as a file of its Message-ID's name: a repeat writes the same file again.

    Raises:
        DeliveryError: the folder cannot be written (a retry may help).
    """
    name = re.sub(r"[^A-Za-z0-9.\-]", "_", str(mail["Message-ID"]).strip("<>"))
    path = folder / f"{name}.eml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, mail.as_bytes())
    except OSError as error:
        raise DeliveryError(
            _("{path} cannot be written: {reason}").format(path=path, reason=error.strerror or error),
            permanent=False,
            hint=_("Make room or give the right to write there."),
        ) from error
    return path
