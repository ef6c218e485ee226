"""How a new version stands, in words."""

import pytest

from core.evidence import LevelOf, ProofFact
from core.text import language
from reports.proofs import sentence

LEVELS = {
    "old": LevelOf(value=0.06, lower=0.055, upper=0.065, windows=9, n=16_000),
    "new": LevelOf(value=0.12, lower=0.11, upper=0.13, windows=4, n=6_000),
}


@pytest.mark.parametrize("code", ["en", "ru"])
@pytest.mark.parametrize("beside", [True, False])
def test_it_says_both_levels_and_what_lies_between(code: str, beside: bool) -> None:
    fact = ProofFact(
        metric="business.conversion", title="Conversion", unit="percent", version="v3", before=0.12,
        floor=0.006, beside=beside, change=0.06, lower=0.046, upper=0.074, **LEVELS,
    )  # fmt: skip
    with language(code):
        said = sentence(fact)
    assert all(figure in said for figure in ("v3", "6.0", "12.0", "4.6", "7.4"))
    assert ".." not in said


def test_what_is_missing_is_said_instead() -> None:
    fact = ProofFact(
        metric="m", title="M", version="v3", before=0.1, floor=0.0, waits="v3 has 2 of 3 windows."
    )
    assert sentence(fact) == "v3 has 2 of 3 windows."
