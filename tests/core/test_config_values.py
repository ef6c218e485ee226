"""The small languages of values."""

from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.config import Clock, Days, Size
from core.config.problems import RefusedError
from core.config.values import duration_text, parse_duration, parse_rate, parse_schedule


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15m", timedelta(minutes=15)),
        ("1d 12h", timedelta(hours=36)),
        ("3y", timedelta(days=1095)),
        ("2w", timedelta(days=14)),
        ("0.5h", timedelta(minutes=30)),
        ("250ms", timedelta(milliseconds=250)),
    ],
)
def test_it_reads_durations(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text", ["", "7", 7, "d", "-1d", "0d", "7 dayz", "1d x", None, True, "9" * 30 + "y", "1mo"]
)
def test_it_refuses_what_is_no_duration(text: object) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_duration(text)
    assert "15m" in caught.value.allowed


@given(st.integers(min_value=1, max_value=10**10).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_duration_survives_being_written(value: timedelta) -> None:
    assert parse_duration(duration_text(value)) == value


def test_it_reads_schedules_rates_clocks_days_and_sizes() -> None:
    assert parse_schedule("every 15m").every == timedelta(minutes=15)
    assert parse_schedule("every hour").every == timedelta(hours=1)
    assert parse_schedule("at 06:00").at == time(6)
    assert (
        str(parse_schedule("every 90m")) == "every 90m" and str(parse_schedule("daily at 6:30")) == "at 06:30"
    )
    assert parse_rate("1 per 1000 windows").windows_per_alarm(timedelta(days=1)) == 1000
    assert parse_rate("2 per year").windows_per_alarm(timedelta(hours=1)) == pytest.approx(365.25 * 12)
    assert parse_rate("3 per 6_000 windows").windows_per_alarm(timedelta(days=1)) == 2000
    assert TypeAdapter(Clock).validate_python("23:59") == time(23, 59)
    assert TypeAdapter(Days).validate_python(["mon", "friday", "weekends"]) == (0, 4, 5, 6)
    assert TypeAdapter(Size).validate_python("1.5GiB") == 3 * 2**29
    assert TypeAdapter(Size).validate_python(1024) == 1024


@pytest.mark.parametrize(
    ("kind", "value"), [(Clock, "24:00"), (Days, "someday"), (Days, []), (Size, "1 apple")]
)
def test_it_refuses_what_it_does_not_know(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("text", ["0 per year", "1 per 0 windows", "often", "1 per century", 5])
def test_it_refuses_rates(text: object) -> None:
    with pytest.raises(RefusedError):
        parse_rate(text)
