"""Foreign HTML (reports, mails) in a frame that may neither reach this page nor fetch anything."""

import base64
import html
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import streamlit as st

from core.messages import Message

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/[^\"']+")
_REPORT = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:; worker-src blob:"
)
_MAIL = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def report(body: str, *, height: int, title: str) -> None:
    """Show a report: its own scripts run, in a place of their own origin."""
    _framed(body, _REPORT, "allow-scripts", height, title, style="body{zoom:0.8}")  # Evidently's are wide


def mail(body: str, *, title: str) -> None:
    """Show a mail: no script runs; links open beside it."""
    _framed(body, _MAIL, "allow-popups allow-popups-to-escape-sandbox", mail_height(body), title)


def mail_height(body: str) -> int:
    """Return about how high a mail is, in pixels: no script of it may tell; what is higher is scrolled.

    From letters that were measured in a browser: their text takes 0.15 pixels a character of markup.
    """
    letter, pictures = _PICTURE.subn("", body)
    return round(min(max(0.152 * len(letter) - 90 + 210 * pictures, 500), 2400))


def html_of(message: EmailMessage) -> str:
    """Return the mail's HTML with its pictures inside."""
    part = message.get_body(("html",))
    if part is None:
        text = message.get_body(("plain",))
        return f"<pre>{html.escape(text.get_content() if text is not None else '')}</pre>"
    body = str(part.get_content())
    for image in message.walk():
        if image.get_content_maintype() == "image" and image["Content-ID"]:
            data = base64.b64encode(image.get_payload(decode=True) or b"").decode()  # type: ignore[arg-type]
            name = str(image["Content-ID"]).strip("<>")
            body = body.replace(f"cid:{name}", f"data:{image.get_content_type()};base64,{data}")
    return body


def html_of_message(message: Message) -> str:
    """Return a message's HTML with its pictures inside."""
    body = message.html
    for picture in message.pictures:
        data = base64.b64encode(picture.png).decode()
        body = body.replace(f"cid:{picture.name}", f"data:image/png;base64,{data}")
    return body


def read(raw: bytes) -> EmailMessage:
    """Read a mail as it lies in its file."""
    return BytesParser(policy=policy.default).parsebytes(raw)


def _framed(body: str, rights: str, sandbox: str, height: int, title: str, style: str = "") -> None:
    guard = f'<base target="_blank"><meta http-equiv="Content-Security-Policy" content="{rights}">'
    guard += f"<style>{style}</style>"
    found = _HEAD.search(body)
    at = found.end() if found else 0
    inner = html.escape(body[:at] + guard + body[at:])
    st.iframe(
        "<!doctype html><style>html,body{margin:0;height:100%}iframe{border:0;width:100%;height:100%;"
        f'background:#fff}}</style><iframe sandbox="{sandbox}" title="{html.escape(title)}" srcdoc="{inner}">'
        "</iframe>",
        height=height,
        alt=title,
    )
