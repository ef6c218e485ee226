"""The digest: when it is due, and what it says."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from core.config import Digest
from core.values import MetricPoint, MetricValue, ValueState
from reports.digest import digest_due, queue_digests, render_digest
from reports.query import Query
from store.metrics import save_points
from tests.alerts.house import QUIET, House, conversions, day, rows, share
from tests.reports.told import outbox_row

MOSCOW = ZoneInfo("Europe/Moscow")
DAILY = Digest(to=("owners",), at=time(8), days=tuple(range(7)))


def due(now, last=None, digest=DAILY, zone=MOSCOW):
    return [one.day for one in digest_due([digest], zone, last or {}, now)]


def at(day_, hour, minute=0):
    return datetime(2026, 4, day_, hour, minute, tzinfo=UTC)


def test_it_is_due_at_its_local_hour():
    assert due(at(29, 4, 59)) == []
    assert due(at(29, 5, 0)) == [date(2026, 4, 29)]


def test_it_is_told_once_a_day():
    (one,) = digest_due([DAILY], MOSCOW, {}, at(29, 5))
    assert digest_due([DAILY], MOSCOW, {one.name: one.day}, at(29, 6)) == []
    assert due(at(30, 5), {one.name: one.day}) == [date(2026, 4, 30)]


def test_it_catches_up_for_some_hours_and_then_lets_it_be():
    assert due(at(29, 10, 59)) == [date(2026, 4, 29)]
    assert due(at(29, 11, 0)) == []


def test_it_keeps_to_its_weekdays():
    workdays = Digest(to=("owners",), at=time(8))
    assert due(at(25, 6), digest=workdays) == []  # a Saturday
    assert due(at(27, 6), digest=workdays) == [date(2026, 4, 27)]


def test_it_catches_up_over_midnight():
    late = Digest(to=("owners",), at=time(23), days=tuple(range(7)))
    assert due(at(29, 22), digest=late) == [date(2026, 4, 29)]  # 01:00 on the 30th in Moscow


def test_it_comes_on_the_day_on_which_its_hour_is_skipped():
    berlin = ZoneInfo("Europe/Berlin")
    night = Digest(to=("owners",), at=time(2, 30), days=tuple(range(7)))
    assert due(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), digest=night, zone=berlin) == []
    assert due(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), digest=night, zone=berlin) == [date(2026, 3, 29)]


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def week(monkeypatch):
    """The week's figure, as the query would sum it up."""

    def value(self, model, metric, *, since, until, now, **_place):
        points = self.series(model, metric, since=since, until=until, now=now)
        n = sum(point.value.numerator for point in points)
        of = sum(point.value.denominator for point in points)
        summed = MetricValue(
            value=n / of, lower=n / of - 0.005, upper=n / of + 0.005, n=int(of), numerator=n, denominator=of
        )
        return MetricPoint(model=model, metric=metric, window=points[0].window, value=summed)

    monkeypatch.setattr(Query, "value", value)


def row_at(moment, **payload):
    told = {"day": moment.date().isoformat(), "models": [], "language": "en"} | payload
    return outbox_row(
        "digest", key="digest:x|digest|owners", model="", severity="notice", payload=told, created_at=moment
    )


def rendered(house, day_number, **payload):
    message = render_digest(house.store, row_at(house.at(day_number), **payload), house.project)
    return message, " ".join(message.text.split()).replace("\xa0", " ")


def test_it_says_how_the_goal_stands_in_figures(house, week):
    house.save(conversions(QUIET), rows(28))
    house.save(
        [share(28 + n, "business.conversion", 0.1, state=ValueState.IMMATURE) for n in range(3)], rows(3, 28)
    )
    message, text = rendered(house, 31)
    assert "Call conversion, week to 1 February: 12.0 % (● unknown)" in text
    assert "of 14,000 predictions; likely 11.5 % to 12.5 %." in text
    assert "The goal is 15.0 % by 31 December 2026." in text
    assert "3 days are still coming in (2 February to 4 February); they are drawn hollow." in text
    assert message.kind == "digest"
    assert len(message.pictures) == 1


def test_it_lists_open_work_and_told_good_moves(house, week):
    house.save(conversions([QUIET[n % 28] for n in range(35)]), rows(35))
    house.evaluate(35)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    message, text = rendered(house, 37)
    assert "▲ 1 OPEN TICKET" in text
    assert "Critical: Call conversion fell to 6.0 %, since 11 February" in text
    assert "/tickets?ticket=1" in text
    assert message.severity == "notice"


def test_it_tells_what_moved_the_good_way(house, week):
    house.save(conversions([QUIET[n % 28] for n in range(35)]), rows(35))
    house.evaluate(35)
    house.save(conversions([0.2, 0.2], 35), rows(2, 35))
    house.evaluate(37)
    _message, text = rendered(house, 37)
    assert "Moved the good way - Call conversion rose to 20.0 %" in text


def test_it_says_what_is_missing(house):
    _message, text = rendered(house, 10)
    assert "Nothing has been collected yet." in text
    assert "Call conversion: not known yet" in text


def test_a_figure_that_differs_from_the_last_digests_says_both_and_why(house, week):
    house.save(conversions([0.12] * 28), rows(28))
    house.project = house.project.model_copy(update={"digests": (DAILY,)})
    with house.store.write() as session:
        assert queue_digests(session, house.project, house.at(28, 8)) == 1
        restated = [share(at, "business.conversion", 0.15) for at in (25, 26)]
        save_points(
            session, restated, run_id=None, now=house.at(28, 12), why="late or corrected rows or labels"
        )
    _message, text = rendered(house, 29)
    assert (
        "Restated since the last digest - Call conversion, week to 1 February: 12.9 %; the last digest said "
        "12.0 %. 2 days were restated: late or corrected rows or labels." in text
    )
    with house.store.write() as session:
        assert queue_digests(session, house.project, house.at(29, 8)) == 1
    assert "Restated" not in rendered(house, 30)[1]


def test_it_is_queued_once(house):
    house.project = house.project.model_copy(update={"digests": (DAILY,)})
    moment = day(30).start.replace(hour=9)
    with house.store.write() as session:
        assert queue_digests(session, house.project, moment) == 1
        assert queue_digests(session, house.project, moment) == 0


def test_without_open_work_its_sign_tells_how_the_goal_stands(house, week):
    house.save(conversions([QUIET[n % 28] for n in range(35)]), rows(35))
    _message, text = rendered(house, 35)
    assert text.startswith("● UNKNOWN · Lead scoring")
    assert "open ticket" not in text.lower()
