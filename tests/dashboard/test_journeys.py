"""Three journeys through the demo in a real browser: what is read is what the logs and the store hold."""

import email
import html
import re
from collections.abc import Iterator
from email import policy
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from scipy.stats import binomtest

from bench.visits import served
from core.config import load
from store import tickets
from store.database import Store
from tests.dashboard.watched import Look, Watched, photograph

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LINK = re.compile(r'<a [^>]*href="(http[^"]+)"')
LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
WAY = {
    "journey-goals": ("/goals", "chance of meeting it"),
    "journey-ticket": ("/tickets?ticket=3&as_of=2026-04-09T05:30:00Z", "Look here first"),
    "journey-column": (
        "/drift?model=call-conversion&column=campaign&window=2026-04-08&as_of=2026-04-09T05:30:00Z",
        "How its values are spread",
    ),
    "journey-rows": ("/reports?model=call-conversion&from=2026-04-08&to=2026-04-08", "Ask for a deep dive"),
    "journey-digest": (
        "/goals?model=call-conversion&as_of=2026-04-15T05:30:00Z",
        "As it was known on 15 April",
    ),
}
"""The places on the journeys, as pictures are kept of them."""


@pytest.fixture(scope="module")
def address(demo: Path) -> Iterator[str]:
    """Serve the demo as `goalkeeper demo` does: pages, and a worker for what pages ask for."""
    command = ["goalkeeper", "serve", "--config", str(demo / "goalkeeper.yaml"), "--port"]
    with served(command, demo) as at:
        yield f"http://127.0.0.1:{at.port}"


@pytest.fixture(scope="module")
def calls(demo: Path) -> pd.DataFrame:
    """Return every answered call with its outcome, by the local day of its prediction."""
    asked = pd.read_parquet(demo / "logs" / "predictions")
    told = pd.read_parquet(demo / "logs" / "outcomes")
    both = asked.merge(told, on="call_id")
    both = both[both["answered"] == 1]
    return both.assign(day=both["called_at"].dt.tz_convert("Europe/Moscow").dt.strftime("%Y-%m-%d"))


def test_an_owner_reads_at_once_whether_the_goal_is_reached_and_why(
    watched: Watched, calls: pd.DataFrame
) -> None:
    page = watched.open("/")
    assert "at risk" in watched.text
    page.get_by_role("link", name="Goals").click()
    watched.settle("chance of meeting it")
    lead = page.locator('[class*="st-key-lead"] p').first
    box = lead.bounding_box()
    said = " ".join(lead.inner_text().replace("\xa0", " ").split())

    assert box is not None and box["y"] + box["height"] < 500  # seen without scrolling
    week = calls[calls["day"].between("2026-04-15", "2026-04-21")]
    month = calls[calls["day"].between("2026-03-25", "2026-04-21")]
    before = calls[calls["day"].between("2026-02-25", "2026-03-24")]
    for name, part in (
        ("Call conversion in the week to 21 April 2026", week),
        ("In the last 28 days", month),
    ):
        assert f"{name}: {told(part)}" in said
    shares = [(one["campaign"] == "spring").mean() for one in (before, month)]
    assert (
        "campaign spring was {:.1f} % of the cases and is {:.1f} %".format(*(100 * s for s in shares)) in said
    )
    change = 100 * (month["converted"].mean() - before["converted"].mean())
    assert f"it moved by {change:+.1f} points".replace("-", "−") in said
    watched.check()


def told(part: pd.DataFrame) -> str:
    """Say a share as the page does, its interval by scipy."""
    k, n = int(part["converted"].sum()), len(part)
    limits = binomtest(k, n).proportion_ci(method="wilson")
    low, high = (f"{100 * one:.1f}" for one in (limits.low, limits.high))
    return f"{100 * k / n:.1f} % ({k:,} of {n:,} answered; likely {low} to {high})"


def test_an_engineer_comes_from_the_alert_to_the_rows_in_five_clicks(watched: Watched, demo: Path) -> None:
    with Store.open(load(demo / "goalkeeper.yaml").store.reveal()).read() as session:
        row = tickets.ticket(session, 3)
    assert row is not None
    page = watched.open(
        f"/tickets?ticket=3&as_of={row.opened_at:%Y-%m-%dT%H:%M:%SZ}", "You come from 9 April"
    )
    assert row.title.replace("\xa0", " ") in watched.text

    page.get_by_role("link", name="campaign", exact=True).click()  # 1: the column
    watched.settle("How its values are spread")
    served_ = pd.read_parquet(demo / "logs" / "predictions" / "2026-04-08.parquet")
    reference = pd.read_parquet(demo / "reference.parquet")
    assert f"{len(reference):,} → {len(served_):,}" in watched.text
    both = [one["campaign"].value_counts(normalize=True) for one in (served_, reference)]
    share = pd.concat(both, axis=1).fillna(0)
    hellinger = (((share.iloc[:, 0] ** 0.5 - share.iloc[:, 1] ** 0.5) ** 2).sum() / 2) ** 0.5
    assert f"Hellinger distance\n0 is the same\n\t{hellinger:.3f}" in watched.text

    page.get_by_text("In which segments", exact=True).first.click()  # 2: the segment
    watched.settle("region=south")
    south = int((served_["region"] == "south").sum())
    assert re.search(rf"region=south\t0\.\d+\t{south}\b", watched.text)

    page.get_by_role("link", name="Compare the rows of 8 April").click()  # 3: the rows
    watched.settle("Ask for a deep dive")
    page.get_by_role("button", name="Ask for a deep dive").click()  # 4
    page.get_by_role("link", name="Special offer: 8 April 2026").click()  # 5, once the worker has made it
    watched.settle("Download HTML")
    report = page.frame_locator("iframe").first.frame_locator("iframe")
    report.get_by_text("campaign").first.wait_for()
    watched.check()


def test_every_link_of_every_mail_leads_to_what_it_speaks_of(watched: Watched, demo: Path) -> None:
    links = dict[str, str]()
    for path in sorted((demo / ".goalkeeper" / "outbox").glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        body = mail.get_body(("html",))
        assert body is not None
        for link in LINK.findall(body.get_content()):
            links.setdefault(html.unescape(link), str(mail["subject"]))
    pages = {urlsplit(link).path for link in links}
    assert {"/goals", "/tickets", "/drift", "/service", "/quality", "/model"} <= pages

    digests = [link for link in links if urlsplit(link).path == "/goals"]
    for link in [one for one in links if one not in digests] + digests[::6]:
        parts = urlsplit(link)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        watched.open(f"{parts.path}?{parts.query}")
        said = watched.text
        when = pd.Timestamp(asked["as_of"]).tz_convert("Europe/Moscow")
        assert "does not exist" not in said and "The link" not in said, link
        day = f"{when.day} {when:%B}"
        if "ticket" in asked:
            assert f"Ticket {asked['ticket']}" in said, link
            assert f"You come from {day}" in said or "What was done" in said, link
        else:
            assert f"As it was known on {day}" in said, link
        if link in digests:  # the figure in the subject is the one on the page
            figure = re.search(r"last week (\d+\.\d %)", links[link])
            assert figure is not None, links[link]
            assert f": {figure[1]} (" in said.split("In the last 28 days")[0], (links[link], said[:400])
        watched.check()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pictures_of_the_journeys_are_kept(
    browser: "Browser", address: str, screenshots: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    photograph(browser, address, WAY, screenshots, Look(width=width, scheme=scheme))
