"""Windows cover time without gap or overlap, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.windows import Grain, Window, window_at, windows_between

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC", "Europe/Moscow", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
        "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Africa/Casablanca",
    )
]  # fmt: skip
moments = st.datetimes(min_value=datetime(2005, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))
zones, grains = st.sampled_from(ZONES), st.sampled_from(list(Grain))


@given(start=moments, days=st.integers(1, 40), zone=zones, grain=grains)
@example(start=datetime(2011, 12, 28, tzinfo=UTC), days=6, zone=ZoneInfo("Pacific/Apia"), grain=Grain.DAY)
@example(
    start=datetime(2018, 11, 3, tzinfo=UTC), days=3, zone=ZoneInfo("America/Sao_Paulo"), grain=Grain.HOUR
)
@example(
    start=datetime(2026, 4, 4, tzinfo=UTC), days=3, zone=ZoneInfo("Australia/Lord_Howe"), grain=Grain.HOUR
)
def test_they_cover_the_axis_without_gap_or_overlap(
    start: datetime, days: int, zone: ZoneInfo, grain: Grain
) -> None:
    end = start + timedelta(days=days)

    windows = list(windows_between(start, end, grain, zone))

    assert windows[0].start <= start < windows[0].end
    assert windows[-1].start < end <= windows[-1].end
    for before, after in pairwise(windows):
        assert before.end == after.start


@given(moment=moments, zone=zones, grain=grains)
def test_every_moment_lies_in_its_window_and_no_other(moment: datetime, zone: ZoneInfo, grain: Grain) -> None:
    window = window_at(moment, grain, zone)

    assert window.start <= moment < window.end
    assert window_at(window.start, grain, zone) == window
    assert window_at(window.end - timedelta(microseconds=1), grain, zone) == window
    assert window_at(window.end, grain, zone).start == window.end


@given(moment=moments, zone=zones)
def test_grains_nest(moment: datetime, zone: ZoneInfo) -> None:
    hour, day = window_at(moment, Grain.HOUR, zone), window_at(moment, Grain.DAY, zone)

    assert day.start <= hour.start < hour.end <= day.end
    for coarse in (window_at(moment, Grain.WEEK, zone), window_at(moment, Grain.MONTH, zone)):
        assert coarse.start <= day.start < day.end <= coarse.end


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-15", 24)])
def test_a_day_has_the_hours_that_the_clocks_leave_it(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Madrid")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone)

    window = window_at(noon, Grain.DAY, zone)
    inside = list(windows_between(window.start, window.end, Grain.HOUR, zone))

    assert window.end - window.start == timedelta(hours=hours)
    assert len(inside) == hours
    assert all(hour.end - hour.start == timedelta(hours=1) for hour in inside)


def test_repeated_local_hours_are_told_apart() -> None:
    zone = ZoneInfo("Europe/Madrid")
    first = window_at(datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=0), Grain.HOUR, zone)
    second = window_at(datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=1), Grain.HOUR, zone)

    assert first.end == second.start
    assert first.start.astimezone(zone).hour == second.start.astimezone(zone).hour == 2


def test_weeks_start_on_monday_and_months_on_the_first() -> None:
    zone = ZoneInfo("Europe/Moscow")
    moment = datetime(2026, 5, 14, 9, tzinfo=zone)

    week, month = window_at(moment, Grain.WEEK, zone), window_at(moment, Grain.MONTH, zone)

    assert week.local_day(zone).isoformat() == "2026-05-11"
    assert month.local_day(zone).isoformat() == "2026-05-01"
    assert month.end.astimezone(zone).date().isoformat() == "2026-06-01"


def test_a_window_is_open_until_it_has_settled() -> None:
    day = window_at(datetime(2026, 5, 14, tzinfo=UTC), Grain.DAY, ZoneInfo("UTC"))

    assert day.is_open(day.end + timedelta(hours=2, minutes=59))
    assert not day.is_open(day.end + timedelta(hours=3))
    assert day.is_open(day.end + timedelta(hours=5), timedelta(hours=6))
    assert not day.is_open(day.end, timedelta())


def test_it_refuses_naive_and_empty_windows() -> None:
    at = datetime(2026, 5, 14, tzinfo=UTC)
    with pytest.raises(ValueError, match="aware"):
        Window(start=at.replace(tzinfo=None), end=at.replace(tzinfo=None), grain=Grain.DAY)
    with pytest.raises(ValueError, match="start < end"):
        Window(start=at, end=at, grain=Grain.DAY)
    assert list(windows_between(at, at, Grain.DAY, ZoneInfo("UTC"))) == []
