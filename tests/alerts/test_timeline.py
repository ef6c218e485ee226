"""When an alert begins and when it is over."""

from alerts.rules.base import Judgement, Verdict
from alerts.timeline import timeline
from core.rules import AlertState
from core.windows import Grain
from tests.alerts.series import window

WORDS = {
    "H": Verdict.HARM,
    "G": Verdict.GOOD,
    "c": Verdict.CALM,
    "n": Verdict.NEAR,
    "?": Verdict.UNKNOWN,
}


def walk(text, for_=1, grain=Grain.DAY):
    judged = [
        Judgement(window=window(at, grain), verdict=WORDS[letter], reason=letter)
        for at, letter in enumerate(text)
    ]
    return timeline(judged, for_)


def spans(text, for_=1):
    return [
        ((one.since - window(0).start).days, one.until and (one.until - window(0).start).days)
        for one in walk(text, for_).episodes
    ]


def test_it_needs_windows_in_a_row():
    assert spans("cHcHc", 2) == []
    assert spans("cHHc", 2) == [(1, None)]


def test_it_is_over_after_three_calm_windows():
    assert spans("HHccc") == [(0, 2)]
    assert spans("HHcc") == [(0, None)]
    assert spans("HHccHccc") == [(0, 5)]


def test_it_does_not_recover_while_neither_calm_nor_outside():
    assert spans("Hccncc") == [(0, None)]


def test_it_skips_what_cannot_be_judged():
    assert spans("H?H", 2) == [(0, None)]
    assert spans("Hc?c?c") == [(0, 1)]


def test_it_waits_a_day_of_hours():
    assert walk("H" + "c" * 23, grain=Grain.HOUR).current is not None
    assert walk("H" + "c" * 24, grain=Grain.HOUR).current is None


def test_it_tells_good_from_harm_and_one_ends_the_other():
    found = walk("GGHH", 2)
    assert [(one.good, one.over is None) for one in found.episodes] == [(True, False), (False, True)]
    assert found.state is AlertState.FIRING


def test_it_is_ok_while_the_move_is_good_and_unknown_where_the_newest_is():
    assert walk("GG").state is AlertState.OK
    assert walk("cc?").state is AlertState.UNKNOWN
    assert walk("").state is AlertState.UNKNOWN
