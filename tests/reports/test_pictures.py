"""Charts in messages."""

import re
import struct
from datetime import date, timedelta

from reports.pictures import Dot, Span, sheet, trend

DAYS = [date(2026, 1, 1) + timedelta(days=at) for at in range(30)]


def dots(**more):
    return [
        Dot(day=day, value=0.1 + 0.001 * at, lower=0.09, upper=0.14, **more) for at, day in enumerate(DAYS)
    ]


def size(png):
    return struct.unpack(">II", png[16:24])


def test_it_draws_a_picture_that_fits_a_mail():
    picture = trend(
        "goal", dots(), text="it rises", percent=True, target=0.15, normal=0.1,
        spans=[Span(first=DAYS[20], last=DAYS[25])],
    )  # fmt: skip
    width, height = size(picture.png)
    assert 1000 < width < 1250
    assert 350 < height < 550
    assert len(picture.png) < 40_000
    assert (picture.name, picture.text) == ("goal", "it rises")


def test_it_draws_the_same_picture_again():
    first, second = (trend("goal", dots(final=False), text="", percent=True) for _time in range(2))
    assert first.png == second.png


def test_it_draws_values_without_a_range_and_with_holes():
    bare = [Dot(day=day, value=None if at % 7 == 0 else 3.0) for at, day in enumerate(DAYS)]
    assert trend("loss", bare, text="", percent=False) is not None


def test_it_draws_nothing_of_nothing():
    assert trend("goal", [Dot(day=DAYS[0], value=None)], text="", percent=True) is None


def test_an_alert_of_a_single_day_is_shaded_too():
    plain = trend("goal", dots(), text="", percent=True)
    one_day = trend("goal", dots(), text="", percent=True, spans=[Span(first=DAYS[10], last=DAYS[10])])
    assert one_day.png != plain.png


def test_months_are_named_in_the_readers_language():
    english, russian = (trend("goal", dots(), text="", percent=True, language=one) for one in ("en", "ru"))
    assert english.png != russian.png


def test_a_page_to_take_along_is_one_page_of_pdf():
    made = sheet(
        dots(), title="Call conversion", lines=["It stands at 12 %. " * 40, "Goal 15 %."], percent=True,
        footer=["As of 29 April"], target=0.15, normal=0.1, normal_word="baseline",
    )  # fmt: skip
    assert made.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type */Page\b", made)) == 1
    assert len(made) < 200_000
