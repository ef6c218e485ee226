"""The real pages in a real browser: one server, one browser, every page by its address."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from store import tickets
from tests.dashboard.made import Made
from tests.dashboard.watched import Look, Watched, photograph

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ADDRESSES = {
    "overview": ("/", "Call conversion 11.8 %"),
    "goals": ("/goals?model=lead", "at this pace it will be 12.1 % by then"),
    "model": ("/model?model=lead", "at this pace it will be 12.1 % by then"),
    "performance": ("/performance?model=lead", "Log loss"),
    "drift": ("/drift?model=lead&column=age", "No rule has fired on this column."),
    "quality": ("/quality?model=lead", "Missing values by column"),
    "service": ("/service?model=lead", "Latency"),
    "segments": ("/segments?model=lead", "beside the others"),
    "timeline": ("/timeline?model=lead", "was it the service, the data, the model, or the market?"),
    "rules": ("/rules?rule=business.conversion&with=100", "as it stands now"),
    "tickets": ("/tickets?state=all", "Call conversion fell to 7.2 %"),
    "ticket": ("/tickets?ticket=1&as_of=2026-04-02T08:00:00Z", "(likely 6.1 % to 8.5 %)"),
    "reports": ("/reports", "Lead scoring: 1 April to 2 April"),
    "messages": ("/reports?view=messages", "Ticket 1 opened"),
    "message": ("/reports?message=1", "ticket opened"),
    "report": ("/reports?report=1", "ann@example.com"),
    "digest": ("/reports?view=digest", "As it would be sent now"),
    "collectors": ("/collectors", "log.parquet cannot be read"),
}


def test_a_row_of_the_overview_leads_to_its_model(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_role("link", name="Lead scoring").click()
    page.wait_for_url(re.compile("/model\\?model=lead"))
    page.locator("h2", has_text="At a glance").wait_for()
    watched.check()


def test_a_link_with_version_segment_and_range_survives_a_choice(watched: Watched) -> None:
    page = watched.open("/model?version=v2&segment=region%3Dnorth&from=2026-02-20&to=2026-03-20")
    page.get_by_role("radio", name="90", exact=True).or_(
        page.get_by_role("button", name="90", exact=True)
    ).first.click()
    page.wait_for_url(re.compile("from=2026-01-05"))
    assert "version=v2" in page.url and "segment=region" in page.url
    watched.check()


def test_charts_are_drawn_and_say_what_fired(watched: Watched) -> None:
    page = watched.open("/model?from=2026-01-10&to=2026-04-04")
    page.locator(".js-plotly-plot .annotation", has_text="ticket 1").first.wait_for()
    page.locator(".js-plotly-plot .annotation", has_text="v2").first.wait_for()
    watched.check()


def test_a_click_on_a_cell_of_the_heat_map_leads_to_its_column_and_window(watched: Watched) -> None:
    page = watched.open("/drift?model=lead&from=2026-03-20&to=2026-04-04")
    chart = page.get_by_role("figure", name="of each column by day; darker is more")
    for column, day, at in (("visits", "2026-03-24", 4), ("age", "2026-04-03", 14)):
        chart.locator(".heatmaplayer .hm").first.wait_for()
        chart.scroll_into_view_if_needed()
        row = chart.locator(".ytick text").all_text_contents().index(column)
        cell = chart.locator(".scatterlayer .point").nth(16 * row + at).bounding_box()
        assert cell is not None
        page.mouse.click(cell["x"] + 9, cell["y"] + 5)
        page.wait_for_url(re.compile(f"column={column}&window={day}|window={day}&column={column}"))
        page.get_by_role("link", name=f"Compare the rows of {int(day[-2:])}").wait_for()
        shown = page.get_by_role("figure", name="Distance to the reference over time")
        shown.locator(".annotation", has_text=str(int(day[-2:]))).first.wait_for()
    assert "from=2026-03-20" in page.url
    watched.check()


def test_acknowledging_in_the_browser_is_kept_in_the_store(watched: Watched, served: Made) -> None:
    page = watched.open("/tickets?ticket=1")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("the others see that somebody is on it").wait_for()
    with served.store().read() as session:
        row = tickets.ticket(session, 1)
    assert row is not None and row.state == "acknowledged"
    watched.check()


def test_a_foreign_text_is_no_markup(watched: Watched, served: Made) -> None:
    said = "<img src=x onerror=alert(1)> $x$ [a](javascript:alert(1)) :smile:"
    with served.store().write() as session:
        tickets.add_event(
            session, 1, at=row_time(served), actor="<i>ann</i>", action="commented", detail={"text": said}
        )
    page = watched.open("/tickets?ticket=1", said)
    assert page.locator("img[src=x]").count() == 0
    watched.check()


def row_time(served: Made) -> datetime:
    with served.store().read() as session:
        row = tickets.ticket(session, 1)
    assert row is not None
    return row.opened_at


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (768, "light"), (768, "dark"), (375, "light")]
)
def test_each_page_opens_by_its_address_and_fits(
    browser: "Browser", address: str, screenshots: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    photograph(browser, address, ADDRESSES, screenshots, Look(width=width, scheme=scheme))
