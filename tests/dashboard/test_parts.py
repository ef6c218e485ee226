"""The pieces of pages: links, words, charts, tables, options; and the search for a browser."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from core.foreign import one_line
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, window_at
from dashboard import charts, frames, links, options, text
from dashboard.drawing import Drawing
from dashboard.scene import Level, Moment, Scene, Shade
from goalkeeper.serve import dashboard_command
from reports.query import Heat
from tests import browsers
from tests.dashboard.made import START, day

MOSCOW = ZoneInfo("Europe/Moscow")
LAST = date(2026, 4, 28)


def scene(since: datetime, until: datetime, **more: object) -> Scene:
    return Scene(since=since, until=until, zone=ZoneInfo("UTC"), colours=options.LIGHT, **more)  # type: ignore[arg-type]


def points(values: list[float | None], *, late: int = 0) -> list[MetricPoint]:
    states = [ValueState.OK] * (len(values) - late) + [ValueState.IMMATURE] * late
    return [
        MetricPoint(
            model="lead",
            metric="m",
            window=day(at),
            value=MetricValue(value=value, n=9, state=state, reason="r"),
        )
        for at, (value, state) in enumerate(zip(values, states, strict=True))
        if value is not None
    ]


def test_the_range_of_a_link_is_whole_local_days() -> None:
    picked, note = links.pick_range({"from": "2026-03-28", "to": "2026-03-29"}, LAST)
    assert note == ""
    since, until = picked.bounds(ZoneInfo("Europe/Berlin"))
    assert (until.astimezone(UTC) - since.astimezone(UTC)) == timedelta(hours=47)


@pytest.mark.parametrize("asked", ["2026-13-01", "x", "9999-12-31", "0001-01-01", "2026-05-01"])
def test_a_range_that_is_none_is_refused_in_words(asked: str) -> None:
    picked, note = links.pick_range({"from": asked}, LAST)
    assert note
    assert (picked.days, picked.last) == (90, LAST)


@pytest.mark.parametrize("asked", ["x", "2026-04-17", "2026-04-17T08:00:00", "99999"])
def test_a_time_that_is_none_is_refused_in_words(asked: str) -> None:
    assert links.pick_time({"as_of": asked}, "as_of", START)[1]


def drawn(draw: Callable[..., Drawing]) -> Callable[..., go.Figure]:
    """Check what is drawn against plotly's own schema, which pages leave out."""
    return lambda *asked, **more: go.Figure(draw(*asked, **more).spec)


trend, heat_map = drawn(charts.trend), drawn(charts.heat_map)


def test_a_time_to_come_is_now() -> None:
    assert links.pick_time({"as_of": "2030-01-01T00:00:00Z"}, "as_of", START) == (None, "")


@pytest.mark.parametrize(
    ("asked", "grain", "start"),
    [
        ("2026-04-12", Grain.DAY, "2026-04-12T00:00+03:00"),
        ("2026-04-12T14:20", Grain.HOUR, "2026-04-12T14:00+03:00"),
        ("2026-04-12T22:30:00Z", Grain.DAY, "2026-04-13T00:00+03:00"),
    ],
)
def test_a_link_names_the_window_that_holds_its_time(asked: str, grain: Grain, start: str) -> None:
    window, note = links.pick_window({"window": asked}, "window", grain, MOSCOW)
    assert window is not None and not note
    assert window.start == datetime.fromisoformat(start)
    again, _note = links.pick_window({"window": links.window_text(window, MOSCOW)}, "window", grain, MOSCOW)
    assert again == window


@pytest.mark.parametrize("asked", ["x", "2026-13-01", "9999-12-31", "0001-01-01"])
def test_a_window_that_is_none_is_refused_in_words(asked: str) -> None:
    window, note = links.pick_window({"window": asked}, "window", Grain.DAY, MOSCOW)
    assert window is None and "no window is marked" in note


def test_each_cell_of_a_heat_map_can_be_clicked_and_the_picked_one_is_framed() -> None:
    heat = Heat(
        metric="m", columns=("age", charts.SCORE), windows=(day(0), day(1)), values=((0.1, None), (0.2, 0.3))
    )
    chart = heat_map(heat, scene(START, day(1).end), top=0.3, picked=(charts.SCORE, day(1)))
    assert [tuple(cell) for cell in chart.data[1].customdata] == [
        ("age", "2026-01-05"), ("age", "2026-01-06"), ("@score", "2026-01-05"), ("@score", "2026-01-06"),
    ]  # fmt: skip
    (frame,) = [one for one in chart.layout.shapes if one.type == "rect"]
    assert (frame.x0, frame.y0) == ("2026-01-06T00:00:00", 0.5)


@pytest.mark.parametrize("asked", ["-1", "1e3", "٣", "1" * 16, "x"])
def test_a_number_that_is_none_is_refused_in_words(asked: str) -> None:
    number, note = links.pick_number({"ticket": asked}, "ticket")
    assert number is None and note


def test_figures_of_pages_are_those_of_messages() -> None:
    assert text.number(0.1182, "percent") == "11.8\u00a0%"
    assert text.number(-0.062, "percent") == "−6.2\u00a0%"
    assert text.number(0.0431, "ms") == "0.043\u00a0ms"
    assert text.number(None, "ms") == "—"


@pytest.mark.parametrize("said", ["$x$", ":smile:", "[a](b)", "<b>", "**x**", "a\nb", "https://x.y", "`c`"])
def test_foreign_text_is_escaped_for_markdown(said: str) -> None:
    shown = text.markdown(said)
    assert "\n" not in shown
    for sign in "$[<*`":
        assert shown.count(sign) == shown.count("\\" + sign)


def test_what_must_not_break_is_kept_together() -> None:
    assert one_line("about\n 0.0\u00a0%  is \t normal ") == "about 0.0\u00a0% is normal"
    assert text.span(timedelta(days=7)) == "7\u00a0days"


def test_midnight_is_a_day_and_an_end_is_that_of_the_day_before() -> None:
    midnight = datetime(2026, 4, 28, 21, tzinfo=UTC)
    assert text.moment(midnight, MOSCOW) == "29\u00a0April"
    assert text.moment(midnight + timedelta(minutes=5), MOSCOW) == "29\u00a0April, 00:05"
    assert text.until(midnight, MOSCOW) == "the end of 28\u00a0April"
    assert text.until(midnight + timedelta(hours=5), MOSCOW) == "29\u00a0April, 05:00"


def test_foreign_text_is_escaped_for_figures() -> None:
    assert text.figure("<b>%{x}$") == "&lt;b&gt;&#37;&#123;x}&#36;"


def test_what_still_comes_in_is_drawn_hollow_and_named() -> None:
    chart = trend({"A": points([0.1, 0.2, 0.3, 0.4], late=2)}, "percent", scene(START, day(3).end))
    later = chart.data[-1]
    assert later.marker.symbol == "circle-open" and later.line.dash == "dot"
    assert list(later.y) == [None, 0.2, 0.3, 0.4]
    assert chart.layout.showlegend is True


def test_a_missing_window_is_a_gap_and_a_long_one_says_so() -> None:
    chart = trend({"A": points([0.1, None, None, None, 0.2])}, "percent", scene(START, day(4).end))
    assert list(chart.data[0].y) == [0.1, None, None, None, 0.2]
    assert [one.text for one in chart.layout.annotations] == ["no data"]


def test_a_long_range_keeps_its_extremes_and_gaps_and_is_small() -> None:
    many = 4000
    values: list[float | None] = [0.1 + 0.001 * (at % 7) for at in range(many)]
    values[1234], values[2345] = 0.9, 0.0
    values[3210] = None
    chart = trend({"A": points(values)}, "percent", scene(START, day(many).end))
    line = chart.data[0]
    assert len(line.y) < 2000
    known = {x: y for x, y in zip(line.x, line.y, strict=True) if y is not None}
    assert (max(known.values()), min(known.values())) == (0.9, 0.0)
    at_noon = {START.replace(tzinfo=None) + timedelta(days=at, hours=12): at for at in (1234, 2345, 3210)}
    shown = {at_noon[moment]: y for moment in at_noon for x, y in zip(line.x, line.y, strict=True)
             if datetime.fromisoformat(str(x)) == moment}  # fmt: skip
    assert shown == {1234: 0.9, 2345: 0.0, 3210: None}


def test_of_many_gaps_the_first_alone_says_so() -> None:
    values = [0.1, None, None, None] * 5 + [0.1]
    chart = trend({"A": points(values)}, "percent", scene(START, day(20).end))
    assert [one.text for one in chart.layout.annotations] == ["no data"]


def test_hollow_marks_of_a_later_version_are_explained_too() -> None:
    whole, late = points([0.1, 0.2]), points([0.1, 0.2, 0.3], late=1)
    chart = trend({"v1": whole, "v2": late}, "percent", scene(START, day(2).end))
    assert [line.name.strip() for line in chart.data if line.showlegend] == [
        "v1",
        "v2",
        "v2, still coming in",
    ]


def test_an_alert_is_shaded_only_inside_the_range() -> None:
    fired = Shade(since=START - timedelta(days=9), until=day(1).end, label="ticket 7", severity="major")
    chart = trend({"A": points([0.1, 0.2, 0.3])}, "percent", scene(START, day(2).end), shades=[fired])
    assert chart.layout.shapes[0].x0 == "2026-01-05T00:00:00"
    assert "⚠ ticket 7" in [one.text for one in chart.layout.annotations]


def test_the_words_of_a_level_stand_beside_the_plot_and_apart() -> None:
    levels = [
        Level(value=0.15, label="target", kind="target"),
        Level(value=0.1, label="baseline", kind="baseline"),
    ]
    chart = trend({"A": points([0.1, 0.2])}, "percent", scene(START, day(1).end), levels=levels)
    said = {one.text: (one.x, one.xanchor, one.yanchor) for one in chart.layout.annotations}
    assert said == {
        "baseline<br>10.0\u00a0%": (1, "left", "top"),
        "target<br>15.0\u00a0%": (1, "left", "bottom"),
    }
    assert chart.layout.margin.r > 60


def test_a_share_of_nothing_is_not_blown_up() -> None:
    chart = trend({"A": points([0.0, 0.0])}, "percent", scene(START, day(1).end))
    low, high = chart.layout.yaxis.range
    assert low < 0 < 0.01 <= high


def test_a_wide_interval_does_not_flatten_what_is_known() -> None:
    wide = MetricPoint(
        model="lead",
        metric="m",
        window=day(0),
        value=MetricValue(value=0.1, lower=0.0, upper=0.9, n=3),
    )
    chart = trend({"A": [wide]}, "percent", scene(START, day(0).end))
    assert chart.layout.yaxis.range[1] < 0.25


def test_a_move_the_good_way_is_no_warning() -> None:
    fired = Shade(since=START, until=day(1).end, label="up", severity="critical", good=True)
    chart = trend({"A": points([0.1, 0.2])}, "percent", scene(START, day(1).end), shades=[fired])
    assert [one.text for one in chart.layout.annotations] == ["✓ up"]


def test_releases_stand_on_the_time_axis_in_local_time() -> None:
    moment = Moment(at=day(1).start, label="v<2>", kind="release")
    shown = Scene(since=START, until=day(2).end, zone=MOSCOW, colours=options.DARK, moments=(moment,))
    chart = trend({"A": []}, "percent", shown)
    assert chart.layout.shapes[0].x0 == "2026-01-06T03:00:00"
    assert chart.layout.annotations[0].text == "▲ v&lt;2&gt;"


def test_a_release_is_named_first_where_names_would_cover_each_other() -> None:
    kinds = ("ticket", "retraining", "mark", "release")
    moments = tuple(Moment(at=day(1).start, label=f"a {kind}", kind=kind) for kind in kinds)
    shown = Scene(since=START, until=day(60).end, zone=MOSCOW, colours=options.DARK, moments=moments)
    chart = trend({"A": []}, "percent", shown)
    assert [one.text for one in chart.layout.annotations] == ["▲ a release", "◆ a mark"]
    assert len(chart.layout.shapes) == len(kinds)


def test_weeks_stand_where_days_were_rolled_up() -> None:
    weeks = [window_at(START + timedelta(weeks=at), Grain.WEEK, ZoneInfo("UTC")) for at in (0, 1)]
    after = weeks[-1].end
    days = [window_at(after + timedelta(days=at), Grain.DAY, ZoneInfo("UTC")) for at in (0, 2)]
    found = [
        MetricPoint(model="lead", metric="m", window=window, value=MetricValue(value=0.5, n=9))
        for window in (*weeks, *days)
    ]
    chart = trend({"A": found}, "percent", scene(START, after + timedelta(days=3)))
    assert list(chart.data[0].y) == [0.5, 0.5, 0.5, None, 0.5]
    assert "–" in chart.data[0].hovertext[0] and "–" not in chart.data[0].hovertext[2]


def test_hours_with_gaps_are_drawn() -> None:
    hours = [window_at(START + timedelta(hours=at), Grain.HOUR, ZoneInfo("UTC")) for at in (0, 1, 14, 15)]
    found = [
        MetricPoint(model="lead", metric="m", window=hour, value=MetricValue(value=1.0, n=9))
        for hour in hours
    ]
    chart = trend({"A": found}, "count", scene(START, START + timedelta(days=1)))
    assert "no data" in [one.text for one in chart.layout.annotations]


def test_a_longer_mail_gets_a_higher_frame_whatever_its_pictures_weigh() -> None:
    short, long = "<p>" + "x" * 4800, "<p>" + "x" * 8300
    picture = f'<img src="data:image/png;base64,{"A" * 60_000}">'
    assert 500 <= frames.mail_height(short) < frames.mail_height(long) < 1400
    assert frames.mail_height(short + picture) - frames.mail_height(short) in range(200, 230)


def test_an_installed_copy_gets_the_theme_as_flags() -> None:
    command = dashboard_command(Path("gk.yaml"), host="127.0.0.1", port=8501)
    assert f"--theme.dark.backgroundColor={options.DARK.ground}" in command
    assert "--browser.gatherUsageStats=false" in command
    assert command[command.index("--server.address") + 1] == "127.0.0.1"


def test_without_a_browser_it_is_said_which_tests_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    tried: list[tuple[str, ...]] = []
    monkeypatch.setattr(browsers, "_quietly", lambda *command: bool(tried.append(command)))
    browsers.main()
    assert tried[-1][1:] == ("-m", "playwright", "install", "chromium")
    assert "LEFT OUT" in capsys.readouterr().out


def test_debians_chromium_is_installed_where_it_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(browsers.os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    tried: list[tuple[str, ...]] = []
    monkeypatch.setattr(browsers, "_quietly", lambda *command: bool(tried.append(command)))
    browsers.main()
    assert [command[1] for command in tried] == ["update", "install", "-m"]
