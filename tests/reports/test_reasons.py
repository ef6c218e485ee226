"""What may explain harm, in words: mix or rate, who carries it, what looks different."""

import pytest

from core.evidence import CarrierFact
from reports.reasons import why
from tests.reports.told import carrier, evidence, split


def said(**facts):
    return [sentence.replace("\xa0", " ") for sentence in why(evidence(**facts))]


def test_it_tells_mix_and_rate_in_points_and_which_is_more():
    moved, _most = said(split=split())
    assert moved == (
        "Against the time just before, Call conversion went from 14.3 % to 7.5 %: −7.0 points because other"
        " cases came (by campaign), +0.2 points because like cases went differently."
        " So it is mostly the mix: who came, not how well it went with them."
    )


@pytest.mark.parametrize(
    ("mix", "rate", "words"),
    [
        (-0.002, -0.07, "mostly the rate: how well it went, not who came."),
        (-0.03, -0.04, "both: the mix (who came) and the rate (how well it went with them)."),
        (0.03, -0.04, "mostly the rate: how well it went, not who came."),
    ],
)
def test_a_move_of_the_rate_and_one_of_both_are_told_as_such(mix, rate, words):
    assert said(split=split(mix, rate))[0].endswith(f"So it is {words}")


def test_it_tells_what_would_be_had_the_segment_stayed_as_it_was():
    assert said(split=split(), carrier=carrier())[1] == (
        "Most of it is campaign=spring: 1.2 % of the cases before, 58.2 % since; Call conversion there was"
        " 1.3 % and is 2.7 %. Had it stayed as it was, Call conversion would be 14.0 %."
    )


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (carrier(before=None, share_before=0.0), "campaign=spring: hardly any case before, 58.2 % since"),
        (
            carrier(value=None, share=0.0),
            "of the cases before, Call conversion there was 1.3 %, and none",
        ),
    ],
)
def test_a_segment_that_is_new_or_gone_has_no_figure_where_it_was_not(fact, words):
    sentence = said(split=split(), carrier=fact)[1]
    assert words in sentence
    assert "—" not in sentence


def test_a_move_that_nobody_carries_is_told_as_such():
    assert said(split=split())[1] == "No single segment carries it."


def test_what_an_older_ticket_kept_of_its_carrier_is_told_as_far_as_it_goes():
    old = CarrierFact.model_validate({"segment": "campaign=spring", "share": 0.58, "part": 0.62})
    assert said(split=split(), carrier=old)[1] == (
        "campaign=spring carries 62.0 % of the move, with 58.0 % of the cases."
    )
