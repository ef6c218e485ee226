"""Text from data is text everywhere: in e-mails, on pages, in exports and on tickets."""

import csv
import json
import re
import subprocess
import sys
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.evidence import Evidence
from goalkeeper.jobs.deliver import deliver_due
from store import marks, metrics, tickets
from tests.dashboard.conftest import serve
from tests.dashboard.made import DAYS, NOW, Made, made, point
from tests.notify.servers import free_port, mail_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEXTS = {
    "html": '</td></script><script>window.hit=1</script><img src=x onerror="window.hit=1">'
    "<a href=//evil.example>",
    "markdown": "# h [x](https://evil.example) ![y](https://evil.example/p.png) **b** :red[c] $z$ @here",
    "header": "fell\r\nBcc: x@evil.example\r\nSubject: mine\r\n\r\n<h1>body</h1>",
    "formula": "=cmd|' /C calc'!A0",
    "long": "ж☃𝄞 " * 2_000,
}
HEADERS = {
    "content-type", "mime-version", "subject", "from", "to", "date", "message-id", "auto-submitted",
    "list-unsubscribe", "list-id", "references", "in-reply-to", "x-goalkeeper-kind", "importance",
    "x-priority",
}  # fmt: skip


def project(folder: Path, text: str) -> Made:
    """Make a project in which everything that data or people wrote is `text`."""
    found = made(folder, text=text)
    smtp = f"smtp: {{host: 127.0.0.1, port: {free_port()}, tls: none, from: goalkeeper@example.com}}"
    file = found.path.read_text().replace("{kind: file}", "{kind: email, to: [growth@example.com]}")
    found.path.write_text(f"{smtp}\n{file}")
    store = found.store()
    with store.write() as session:
        ticket = tickets.ticket(session, found.ticket)
        assert ticket is not None
        ticket.evidence = _instead(ticket.evidence, text)
        Evidence.model_validate(ticket.evidence)
        tickets.add_event(
            session, ticket.id, at=NOW, actor=text[:200], action="commented", detail={"text": text}
        )
        marks.add_mark(session, model="lead", kind="note", start=NOW, text=text, actor="", now=NOW)
        points = [point(at, "drift.jensen_shannon", 0.3, column=text) for at in range(DAYS - 20, DAYS)]
        points += [
            point(at, "business.conversion", 0.1, segment=f"region={text}") for at in range(DAYS - 20, DAYS)
        ]
        metrics.save_points(session, points, run_id=None, now=NOW, why=text)
    store.close()
    return found


def _instead(evidence: dict[str, object], text: str) -> dict[str, object]:
    told = json.loads(json.dumps(evidence))
    told["findings"][0] |= {"title": text, "reason": text, "column": text, "segment": f"region={text}"}
    told["drifted"][0] |= {"column": text, "reason": text}
    told["split"]["levels"][0]["level"] = told["split"]["column"] = text
    told["carrier"]["segment"] = told["segments"][0]["segment"] = f"region={text}"
    told["season"] = told["reference"] = text
    told["release"]["version"] = text
    return dict(told)


class Tags(HTMLParser):
    """Which elements, addresses and handlers a page has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _value in attrs if name.startswith("on")]


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_steers_an_email(kind: str, tmp_path: Path) -> None:
    found = project(tmp_path, TEXTS[kind])
    told, store = found.project(), found.store()
    assert told.smtp is not None
    with mail_server(port=told.smtp.port) as (box, _port):
        assert deliver_due(project=told, store=store, now=NOW) >= 1
    store.close()
    for mail in box.mails:
        assert isinstance(mail, EmailMessage)
        assert {name.lower() for name in mail.keys()} <= HEADERS  # noqa: SIM118  # a mail is no mapping
        assert str(mail["To"]) == "growth@example.com"
        assert len(str(mail["Subject"])) < 250
        assert len(mail.as_bytes()) < 200_000
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None and html is not None
        tags = Tags(html.get_content())
        assert tags.handlers == []
        assert not tags.tags & {"script", "iframe", "form", "object"}
        assert all(re.match(r"cid:|http://127\.0\.0\.1:8501|https://wiki\.example\.com|mailto:", one)
                   for one in tags.addresses), tags.addresses  # fmt: skip
        said = text.get_content().replace("\r\n", "\n")
        assert "\r" not in said
        assert len(said) < 30_000


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_steers_an_export(kind: str, tmp_path: Path) -> None:
    found = project(tmp_path, TEXTS[kind])
    out = tmp_path / "metrics.csv"
    goalkeeper(found, "metrics", "export", "--output", str(out))
    with out.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len({len(row) for row in rows}) == 1
    assert sum(row["column"].lstrip("'").startswith(TEXTS[kind][:10]) for row in rows) == 20
    for row in rows:
        for name in ("model", "segment", "column", "reason", "restated"):
            assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r")), row[name]


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_steers_a_ticket_on_the_command_line(kind: str, tmp_path: Path) -> None:
    found = project(tmp_path, TEXTS[kind])
    said = goalkeeper(found, "tickets", "show", str(found.ticket))
    assert "\r" not in said
    assert "\nBcc:" not in said
    told = json.loads(goalkeeper(found, "tickets", "show", str(found.ticket), "--json"))
    assert told["title"] == TEXTS[kind]
    listed = goalkeeper(found, "tickets", "list")
    assert len(listed.splitlines()) < 12


@pytest.mark.browser
@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_steers_a_page(kind: str, tmp_path: Path, browser: "Browser") -> None:
    found = project(tmp_path, TEXTS[kind])
    paths = ("/", "/tickets?state=all", "/tickets?ticket=1", "/model?model=lead", "/reports?message=1",
             "/reports?view=digest", "/collectors")  # fmt: skip
    with serve(found) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(30_000)
        for path in paths:
            page.goto(f"{address}{path}")
            page.locator("h1").first.wait_for()
            page.wait_for_function(
                "() => document.querySelector('[data-test-script-state]')"
                "?.dataset.testScriptState === 'notRunning'"
            )
            assert page.locator('[data-testid="stException"]').count() == 0, path
            for frame in page.frames:
                assert frame.evaluate("window.hit") is None, path
                hosts = frame.evaluate(
                    "[...document.querySelectorAll('a,img')]"
                    ".map(one => new URL(one.href || one.src, location).hostname)"
                )
                assert "evil.example" not in hosts, path
                assert frame.locator("img[src=x]").count() == 0, path
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, path
        page.close()


def goalkeeper(found: Made, *words: str) -> str:
    """Run a command; return what it printed."""
    command = [sys.executable, "-m", "goalkeeper", *words, "--config", str(found.path)]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
