"""Pages without a browser: what they show, what people may do on them, and what they refuse."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from streamlit.testing.v1 import AppTest

from core.plugins import PORTS, load, names
from core.values import MetricPoint, MetricValue
from store import marks, metrics, outbox, requests, settings, silences, tickets
from store.tables import WindowRow
from tests.dashboard.made import FALL, NOW, Made, day, empty, made

TURN = 60
PAGES = names(PORTS["page"])
HOSTILE = {
    "model": "<script>alert(1)</script>", "version": "v9", "segment": "x=1' OR 1=1",
    "column": "../../etc/passwd", "from": "2026-13-45", "to": "9999-99-99", "as_of": "soon",
    "since": "yesterday", "by": "nothing", "ticket": "-1",
    "against": "v9", "metric": "drop", "report": "0x10", "message": "1e9", "window": "2026", "view": "?",
    "state": "%00", "compare": "2", "as": "cube",
}  # fmt: skip


def script(path: str, now: str, first: str, host: str) -> None:
    """What Streamlit runs."""
    from datetime import datetime

    from dashboard.app import run

    run(path, datetime.fromisoformat(now), host=host, first=first)


def opened(path: Path, first: str = "overview", *, host: str = "127.0.0.1", **asked: str) -> AppTest:
    """Open a page by its address."""
    arguments = {"path": str(path), "now": NOW.isoformat(), "first": first, "host": host}
    page = AppTest.from_function(script, default_timeout=30, kwargs=arguments)
    for name, value in asked.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def words(page: AppTest) -> str:
    """Everything that a page says, escapes taken out."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "warning",
        "error",
        "info",
        "success",
        "code",
    )
    said = [element.value for kind in kinds for element in page.get(kind)]
    said += [element.proto.body for element in page.get("html")]
    return " ".join(str(one) for one in said).replace("\\", "").replace("\u00a0", " ")


def button(page: AppTest, label: str) -> None:
    """Press a button."""
    next(one for one in page.button if one.label == label).click().run()
    assert not page.exception, page.exception


@pytest.mark.parametrize("first", PAGES)
def test_every_page_draws(filled: Made, first: str) -> None:
    assert opened(filled.path, first).title


@pytest.mark.parametrize("first", PAGES)
def test_an_address_stays_as_it_was_given(filled: Made, first: str) -> None:
    asked = {"model": "lead", "from": "2026-02-20", "to": "2026-03-20"}
    page = opened(filled.path, first, **asked)
    kept = {name: page.query_params[name] for name in asked}
    assert {name: one[0] if isinstance(one, list) else one for name, one in kept.items()} == asked
    assert not page.warning


def test_what_was_chosen_goes_along_to_the_next_page_of_a_model(filled: Made) -> None:
    page = opened(filled.path, "drift", version="v2")
    page.session_state["came_from"] = "model"  # as after a choice from the list of pages
    page.session_state["carried"] = {"version": "v1"}
    page.query_params.clear()
    page.run()
    assert page.query_params["version"] in ("v1", ["v1"])


@pytest.mark.parametrize("first", PAGES)
@pytest.mark.parametrize("only", [*HOSTILE, ""])
def test_a_wrong_link_shows_a_page_and_no_traceback(filled: Made, first: str, only: str) -> None:
    page = opened(filled.path, first, **({only: HOSTILE[only]} if only else HOSTILE))
    assert page.title


@pytest.mark.parametrize("first", [one for one in PAGES if load(PORTS["page"], one).PAGE.of_model])
def test_an_unknown_model_is_told(filled: Made, first: str) -> None:
    page = opened(filled.path, first, model="nobody")
    assert "nobody" in " ".join(one.value for one in page.warning)


def test_the_goals_begin_with_where_the_goal_stands(filled: Made) -> None:
    page = opened(filled.path, "goals")
    assert (
        page.markdown[1]
        .value.replace("\u00a0", " ")
        .startswith("**Call conversion** in the week to 28 March 2026: **10.5 %**")
    )
    said = words(page)
    assert "at this pace it will be 12.1 % by then" in said
    assert "Counted: y among predictions, by the day of the prediction. Outcomes take up to 7 days" in said


def test_tickets_stand_in_lanes(filled: Made) -> None:
    said = words(opened(filled.path, "tickets", **{"as": "board"}))
    for lane in ("Open", "Acknowledged", "Retraining", "Verifying", "Closed lately"):
        assert f"**{lane}** · " in said
    assert "nobody yet" in said


def test_tickets_are_moments_of_the_time_axis(filled: Made) -> None:
    listed = words(opened(filled.path, "timeline"))
    assert "<td>ticket</td>" in listed and "<td>ticket 1</td>" in listed


def test_the_goals_say_what_the_week_was_worth(own: Made) -> None:
    words_before = words(opened(own.path, "goals"))
    assert "was worth" not in words_before
    counted = re.search(r"in the week to .*?\(([\d,]+) of ([\d,]+)", words_before)
    assert counted is not None, words_before[:600]
    k, n = (int(one.replace(",", "")) for one in counted.groups())
    said = "numerator: y, unit: percent"
    written = own.path.read_text().replace(said, said + ", value: {amount: 1200, currency: RUB}")
    own.path.write_text(written)
    page = words(opened(own.path, "goals"))
    worth = re.search(r"was worth ([\d,]+) RUB", page)
    assert worth is not None and int(worth[1].replace(",", "")) == pytest.approx(1200 * k, abs=600)
    assert f"it would be {1200 * 0.15 * n:,.0f} RUB" in page


def test_the_goals_say_who_was_called_and_how_well_it_worked(own: Made) -> None:
    _by_region(own)
    first, last = (f"{day(at).start:%Y-%m-%d}" for at in (TURN, TURN + 13))
    page = opened(own.path, "goals", since=first, to=last)
    said = words(page)
    assert "Most of it is who we called: region north was 10.0 % of the cases and is 70.0 %" in said
    assert "13.5 % before" in said and "7.5 % since" in said
    chosen = next(one for one in page.selectbox if one.label == "By")
    assert chosen.value == "region"
    assert "34 days were restated" in [one.label for one in page.expander]


def test_the_timeline_shows_service_data_model_and_goal_and_what_happened(filled: Made) -> None:
    page = opened(filled.path, "timeline")
    said = words(page)
    places = [said.index(f"**{name}**") for name in ("Service", "Data", "Model", "Goal")]
    assert places == sorted(places)
    assert len(page.get("plotly_chart")) == 6
    assert "release" in said and "Call conversion" in said


def test_a_mark_that_is_set_stands_on_the_axis(own: Made) -> None:
    page = opened(own.path, "timeline")
    button(page, "Set the mark")
    assert "Say in a few words what happened." in words(page)
    page = opened(own.path, "timeline")
    next(one for one in page.text_input if one.label == "What happened").set_value("<b>new prices</b>")
    days = next(one for one in page.date_input if one.label == "Day, or first and last day")
    days.set_value((day(70).start.date(), day(72).start.date()))
    button(page, "Set the mark")
    assert "It stands on every chart now." in words(page)
    with own.store().read() as session:
        (row,) = [one for one in marks.marks(session, "lead") if one.text == "<b>new prices</b>"]
    assert (row.model, row.kind, row.start, row.end) == ("lead", "note", day(70).start, day(73).start)
    assert row.actor != ""
    assert "&lt;b&gt;new prices&lt;/b&gt;" in words(opened(own.path, "timeline"))
    assert not opened(own.path, "timeline", host="0.0.0.0").button


def test_a_rule_is_replayed_with_another_knob(filled: Made) -> None:
    page = opened(filled.path, "rules", rule="business.conversion", **{"with": "100"})
    said = words(page)
    assert "performance.primary" in said and "learning, 9 of 14" in said
    assert "**1 alert** in" in said
    assert "Written below the model in goalkeeper.yaml" in said
    assert "rules: {business.conversion: {threshold: 100}}" in said
    slider = next(one for one in page.select_slider if one.label.startswith("Windows"))
    slider.set_value("50000").run()
    assert page.query_params["with"] in ("50000", ["50000"])


def test_a_rule_that_is_not_there_is_told(filled: Made) -> None:
    page = opened(filled.path, "rules", rule="business.luck")
    assert "luck”, which does not exist here" in " ".join(one.value for one in page.warning)


def _by_region(own: Made) -> None:
    """North converts 5 of 100, south 15 of 100 by 14 (1 % less since): north grows from a tenth to most."""
    found = []
    for at in range(TURN - 20, TURN + 14):
        north, south = (1400, 600) if at >= TURN else (200, 1800)
        rate = 0.1333333 if at >= TURN else 0.1444444
        found += [
            _share(at, "region=north", 0.05, north), _share(at, "region=south", rate, south),
            _share(at, "", (0.05 * north + rate * south) / 2000, 2000),
        ]  # fmt: skip
    store = own.store()
    with store.write() as session:
        metrics.save_points(session, found, run_id=None, now=NOW, why="the crm was repaired")
        again = [_share(TURN - 1, "", 0.14, 2000)]
        metrics.save_points(session, again, run_id=None, now=NOW, why="late rows")
    store.close()


def _share(at: int, segment: str, value: float, n: int) -> MetricPoint:
    return MetricPoint(
        model="lead", metric="business.conversion", window=day(at), segment=segment,
        value=MetricValue(value=value, n=n, numerator=value * n, denominator=n),
    )  # fmt: skip


def test_the_overview_tells_how_the_goal_stands(filled: Made) -> None:
    said = words(opened(filled.path))
    assert (
        "11.8 % in 28 days · goal 15.0 % by 31 December 2026: <b>off track</b>, at this pace 12.1 % by then"
        in said
    )
    assert "1 model · 1 in trouble · 1 open ticket" in said
    assert "learning, 9 of 14" in said


def test_a_model_page_says_what_to_do_next(filled: Made) -> None:
    page = opened(filled.path, "model")
    assert "What to do next" in words(page)
    assert [one.value for one in page.header] == ["Goal", "At a glance"]


def test_a_link_chooses_version_segment_range_and_column(filled: Made) -> None:
    page = opened(
        filled.path, "drift", version="v2", segment="region=north", column="age",
        **{"from": "2026-02-20", "to": "2026-03-20"},
    )  # fmt: skip
    chosen = {one.label: one.value for one in page.selectbox}
    assert chosen == {
        "Version": "v2", "Segment": "region=north", "Compare with": "", "Column": "age",
    }  # fmt: skip
    assert not page.warning


def test_a_choice_goes_into_the_address(filled: Made) -> None:
    page = opened(filled.path, "model")
    next(one for one in page.selectbox if one.label == "Version").select("v1").run()
    assert page.query_params["version"] in ("v1", ["v1"])
    assert not page.exception


def test_a_link_to_what_is_not_there_says_so(filled: Made) -> None:
    page = opened(filled.path, "model", version="v9", **{"from": "2026-13-45"})
    said = " ".join(one.value for one in page.warning)
    assert "v9" in said
    assert "not two dates in order" in said


def test_a_link_with_a_time_leaves_out_what_came_later(filled: Made) -> None:
    page = opened(filled.path, "model", as_of=(day(FALL).start - timedelta(days=30)).isoformat())
    assert "As it was known on" in words(page)
    button(page, "Show the newest")
    assert "As it was known on" not in words(page)


def test_a_ticket_shows_what_happened_and_what_was_done(filled: Made) -> None:
    said = words(opened(filled.path, "tickets", ticket="1"))
    assert "Call conversion fell to 7.2 % (likely 6.1 % to 8.5 %)" in said
    assert "region=north" in said and "−6.0 points" in said
    assert "opened the ticket" in said and "(overdue)" in said


def test_a_ticket_tells_mix_rate_and_the_segment_that_carries_most(filled: Made) -> None:
    said = words(opened(filled.path, "tickets", ticket="1"))
    assert "−5.1 points because other cases came (by region)" in said
    assert "So it is mostly the mix" in said
    assert "Had it stayed as it was, Call conversion would be 12.8 %" in said
    assert "−4.1 points" in said and "too few to tell apart" in said
    assert "age is lower, by 0.5 to 0.7 deviations" in said and "30.0 %" in said


def test_a_ticket_that_is_not_there_says_so(filled: Made) -> None:
    assert "There is no ticket 77" in words(opened(filled.path, "tickets", ticket="77"))


def test_days_in_a_row_without_rows_are_one_line(own: Made) -> None:
    store = own.store()
    with store.write() as session:
        gone = WindowRow.start.between(day(20).start, day(24).start)
        session.execute(delete(WindowRow).where(WindowRow.model == "lead", gone))
    store.close()
    said = words(opened(own.path, "collectors"))
    assert "25 January – 29 January · 5 windows" in said and "26 January<" not in said


def test_collectors_show_gaps_failures_and_what_cannot_be_read(filled: Made) -> None:
    said = words(opened(filled.path, "collectors"))
    assert "The last pass failed: log.parquet cannot be read" in said
    assert "6 March" in said and "the log holds no row" in said
    assert "day-60.parquet" in said and "no Parquet file" in said
    assert "the id is empty" in said


def test_messages_stand_in_a_list_and_open(filled: Made) -> None:
    assert "Ticket 1 opened" in words(opened(filled.path, "reports", view="messages"))
    page = opened(filled.path, "reports", message="1")
    assert "Call conversion fell" in page.get("iframe")[0].proto.srcdoc


def test_a_report_is_shown_where_it_cannot_reach_the_page(filled: Made) -> None:
    shown = opened(filled.path, "reports", report="1").get("iframe")[0].proto.srcdoc
    assert 'sandbox="allow-scripts"' in shown
    assert "default-src &#x27;none&#x27;" in shown
    assert "what only the report says" in shown


@pytest.fixture
def own(tmp_path: Path) -> Made:
    return made(tmp_path)


def test_acknowledging_is_kept_and_signed(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    button(page, "Acknowledge")
    with own.store().read() as session:
        row = tickets.ticket(session, 1)
        trail = tickets.events(session, 1)
    assert row is not None and row.state == "acknowledged"
    assert (trail[-1].action, trail[-1].actor) == ("acknowledged", "unknown (local)")
    assert "somebody is on it" in words(page)


def test_a_rule_is_kept_quiet_from_its_ticket_and_heard_again_from_the_rules(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    button(page, "Keep it quiet")
    assert "Say in a few words why." in words(page)
    page = opened(own.path, "tickets", ticket="1")
    next(one for one in page.text_input if one.label == "Why").set_value("a move of the data centre")
    button(page, "Keep it quiet")
    assert "kept it quiet until" in words(page)
    with own.store().read() as session:
        (row,) = silences.silences(session, "lead")
        trail = tickets.events(session, 1)
    assert (row.rule, row.reason, row.actor) == (
        "business.conversion", "a move of the data centre", "unknown (local)",
    )  # fmt: skip
    assert row.until - row.created_at == timedelta(days=3)
    assert trail[-1].action == "silenced"

    page = opened(own.path, "rules")
    assert "a move of the data centre" in words(page)
    button(page, "End it")
    assert "a move of the data centre" not in words(page)
    assert not opened(own.path, "rules", host="0.0.0.0").button


def test_a_ticket_whose_alert_fires_cannot_be_closed(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    button(page, "Close the ticket")
    assert "still fires" in words(page)
    with own.store().read() as session:
        row = tickets.ticket(session, 1)
    assert row is not None and row.state == "open"


def test_dismissing_keeps_the_kind(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    page.radio[0].set_value("known_cause")
    button(page, "Dismiss and close")
    with own.store().read() as session:
        row = tickets.ticket(session, 1)
    assert row is not None and (row.state, row.dismissal) == ("closed", "known_cause")


def test_accepting_asks_for_a_reason(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    button(page, "Accept and close")
    assert "There is nothing written" in words(page)
    next(one for one in page.text_area if one.label == "Why it is normal").set_value("the price rose")
    button(page, "Accept and close")
    with own.store().read() as session:
        trail = tickets.events(session, 1)
    assert trail[-1].detail["reason"] == "the price rose"
    assert trail[-1].detail["from"].startswith("2026-03-26")


def test_assigning_and_commenting_stand_in_the_trail(own: Made) -> None:
    page = opened(own.path, "tickets", ticket="1")
    page.text_input[0].set_value("ann@example.com")
    button(page, "Assign")
    page.text_area[0].set_value("<script>alert(1)</script>")
    button(page, "Add the comment")
    said = words(page)
    assert "gave it to ann@example.com" in said
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in said


def test_on_another_address_nothing_may_be_done(own: Made) -> None:
    for first, asked in (("tickets", {"ticket": "1"}), ("reports", {}), ("collectors", {})):
        page = opened(own.path, first, host="0.0.0.0", **asked)
        assert not page.button
        assert "Read only" in words(page)


def test_a_deep_dive_is_asked_for_and_nobody_works(own: Made) -> None:
    page = opened(own.path, "reports")
    assert "No worker is alive" in words(page)
    assert "goalkeeper report deep-dive" in words(page)
    button(page, "Ask for a deep dive")
    with own.store().read() as session:
        asked = requests.requests(session)
    assert [(row.kind, row.arguments["model"]) for row in asked] == [("deep_dive", "lead")]


def test_a_deep_dive_of_the_days_that_a_link_names_is_prepared(own: Made) -> None:
    page = opened(own.path, "reports", **{"model": "lead", "from": "2026-03-20", "to": "2026-03-21"})
    assert [f"{day}" for day in page.date_input[0].value] == ["2026-03-20", "2026-03-21"]
    assert "--from 2026-03-20 --to 2026-03-22" in words(page)


@pytest.mark.parametrize("column", ["age", "@score"])
def test_a_columns_link_shows_it_by_itself(filled: Made, column: str) -> None:
    page = opened(filled.path, "drift", model="lead", column=column, window="2026-03-24")
    assert not page.warning
    assert "Distance to the reference" in words(page)


def test_what_came_of_a_request_is_shown(own: Made) -> None:
    store = own.store()
    with store.write() as session:
        row = requests.ask(session, "deep_dive", {"model": "lead"}, actor="ann", now=NOW)
    requests.fail(store, row.id, "the window holds 3 rows", NOW)
    assert "the window holds 3 rows" in words(opened(own.path, "reports"))


@pytest.mark.parametrize("first", PAGES)
def test_a_fresh_project_says_what_to_run(tmp_path: Path, first: str) -> None:
    page = opened(empty(tmp_path), first)
    said = words(page)
    hints: dict[str, Callable[[], bool]] = {
        "overview": lambda: "goalkeeper collect" in said and "is not known yet · goal 15.0 % by" in said,
        "goals": lambda: "goalkeeper collect --model lead" in said,
        "model": lambda: "goalkeeper collect --model lead" in said,
        "performance": lambda: "goalkeeper collect --model lead" in said,
        "drift": lambda: "goalkeeper collect --model lead" in said,
        "quality": lambda: "goalkeeper collect --model lead" in said,
        "service": lambda: "goalkeeper collect --model lead" in said,
        "segments": lambda: "goalkeeper collect --model lead" in said,
        "timeline": lambda: "goalkeeper collect --model lead" in said,
        "rules": lambda: "Nothing has been judged yet" in said,
        "tickets": lambda: "No ticket was ever opened" in said,
        "reports": lambda: "No deep dive yet" in said,
        "collectors": lambda: "goalkeeper collect --model lead" in said and "once in 15 minutes" in said,
    }
    assert hints[first]()


def test_collectors_list_many_models_the_failed_first(own: Made) -> None:
    body = own.path.read_text()
    model = body[body.index("  lead:") :].replace("  lead:", "  other:").replace("Lead scoring", "Other")
    own.path.write_text(body + model)
    (listed,) = [
        one.proto.body for one in opened(own.path, "collectors").get("html") if "Newest" in one.proto.body
    ]
    assert listed.index("Lead scoring") < listed.index("Other")
    assert "log.parquet cannot be read" in listed and "never collected" in listed
    assert "The last pass failed" in words(opened(own.path, "collectors", model="lead"))


def test_a_project_without_models_says_how_to_name_one(tmp_path: Path) -> None:
    path = tmp_path / "goalkeeper.yaml"
    path.write_text("store: sqlite:///gk.db\n")
    for first in PAGES:
        assert opened(path, first).title
    assert "goalkeeper init" in words(opened(path))


def test_an_invalid_file_leaves_the_old_one_in_force(own: Made) -> None:
    page = opened(own.path)
    own.path.write_text(own.path.read_text() + "\ntimezne: Mars\n")
    page.run()
    said = words(page)
    assert "the last valid one is in force" in said and "timezne" in said
    assert "off track" in said


def test_an_invalid_file_alone_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "goalkeeper.yaml"
    path.write_text("timezne: Mars\n")
    assert "timezne" in words(opened(path))


def test_silence_of_the_scheduler_is_told(own: Made) -> None:
    with own.store().write() as session:
        settings.put(session, "now", "")
        settings.put(session, "heartbeat:pass", (NOW - timedelta(days=2)).isoformat())
    assert "Nothing has been collected since" in words(opened(own.path))


def test_a_title_shows_letter_by_letter(tmp_path: Path) -> None:
    title = "<b>Лиды</b> $5$ [x](javascript:y) :smile: *now*"
    page = opened(made(tmp_path, title).path, "model")
    assert page.title[0].value.replace("\\", "").replace("\u2060", "") == title
    assert "<b>" not in page.title[0].value.replace("\\<", "")


def test_messages_link_to_pages_that_are_there(filled: Made) -> None:
    from urllib.parse import parse_qsl, urlsplit

    from core import plugins
    from reports.wording import Links

    links = Links("", "lead", NOW - timedelta(days=1))
    known = plugins.names(plugins.PORTS["page"])
    for link in (links.ticket(1), links.model("drift", segment="region=north"), links.overview()):
        parts = urlsplit(link)
        kind = parts.path.strip("/") or "overview"
        assert kind in known
        page = opened(filled.path, kind, **dict(parse_qsl(parts.query)))
        assert not page.warning


def test_nothing_is_written_by_looking(own: Made) -> None:
    def mark() -> tuple[str | None, int]:
        with own.store().read() as session:
            return settings.get(session, "data_version"), len(outbox.messages(session))

    before = mark()
    for first in PAGES:
        opened(own.path, first)
    assert mark() == before


def test_many_models_are_searched_and_paged(tmp_path: Path) -> None:
    path = empty(tmp_path)
    lines = path.read_text().splitlines()
    at = lines.index("models:") + 2
    for number in range(30):
        copy = [line.replace("Lead scoring", f"Copy {number}") for line in lines[at:]]
        path.write_text(path.read_text() + "\n".join([f"  copy{number}:", *copy]) + "\n")
    page = opened(path)
    assert "31 models" in words(page) and page.number_input[0].max == 2
    page.text_input[0].set_value("copy 17").run()
    assert page.query_params["search"] in ("copy 17", ["copy 17"])
    assert not page.number_input and len(page.get("page_link")) == 1


def test_a_page_of_ones_own_appears_and_a_broken_one_says_why(own: Made) -> None:
    folder = own.path.parent / "mine" / "views"
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "own.py").write_text(
        "import streamlit as st\nfrom dashboard.context import Page\n"
        "PAGE = Page(title='Own', icon=':material/star:', order=9)\n"
        "def render(context):\n    st.title('Mine')\n"
    )
    own.path.write_text("plugins: mine\n" + own.path.read_text())
    page = opened(own.path, "own")
    assert page.title[0].value == "Mine"
    assert "broken" in page.warning[0].value


def test_the_overview_of_an_older_link_says_that_it_is_of_now(filled: Made) -> None:
    said = words(opened(filled.path, as_of=(NOW - timedelta(days=9)).isoformat()))
    assert "this is how everything stands now" in said
