"""Sentences that say what may explain harm: mix or rate, who carries it, the season, what looks different."""

from core.evidence import CarrierFact, Evidence, SplitFact
from core.figures import figure, points
from core.text import gettext as _

MOST = 5
MOSTLY = 0.75
"""From which part of a move on it is called mix alone, or rate alone."""


def why(evidence: Evidence) -> list[str]:
    """Say what may explain the harm: whether cases changed or how they went, who carries it, the season."""
    return [*moved(evidence), *filter(None, [evidence.season])]


def moved(evidence: Evidence) -> list[str]:
    """Say what moved: mix or rate, and the segment that carries most of it."""
    said = []
    split, carrier = evidence.split, evidence.carrier
    if split is not None:
        mix, rate = (points(part, split.unit, currency=split.currency) for part in (split.mix, split.rate))
        words = _(
            "Against the time just before, {title} went from {before} to {value}: {mix} because other cases"
            " came (by {column}), {rate} because like cases went differently."
        ).format(
            title=split.title,
            mix=mix,
            rate=rate,
            column=split.column,
            before=figure(split.before, split.unit, currency=split.currency),
            value=figure(split.value, split.unit, currency=split.currency),
        )
        said.append(f"{words} {_kind_of(split)}")
    if carrier is not None:
        said.append(_carried(carrier, split))
    elif split is not None:
        said.append(_("No single segment carries it."))
    return said


def _kind_of(split: SplitFact) -> str:
    """Say in the field's words whether mix or rate is more of a move."""
    total = split.mix + split.rate
    mix = split.mix / total if total else 0.5  # what works against a move is no part of it
    if mix >= MOSTLY:
        return _("So it is mostly the mix: who came, not how well it went with them.")
    if mix <= 1 - MOSTLY:
        return _("So it is mostly the rate: how well it went, not who came.")
    return _("So it is both: the mix (who came) and the rate (how well it went with them).")


def _carried(carrier: CarrierFact, split: SplitFact | None) -> str:
    """Say what became of the segment that carries most of a move, and what would be without that."""
    words = _("{segment} carries {part} of the move, with {share} of the cases.")
    if split is not None and carrier.would is not None:
        words = _(
            "Most of it is {segment}: {share_before} of the cases before, {share} since; {title} there was"
            " {before} and is {value}. Had it stayed as it was, {title} would be {would}."
        )
        if carrier.before is None:
            words = _(
                "Most of it is {segment}: hardly any case before, {share} since, and {title} there is"
                " {value}. Without it, {title} would be {would}."
            )
        if carrier.value is None:
            words = _(
                "Most of it is {segment}: {share_before} of the cases before, {title} there was {before}, and"
                " none since. Had it stayed as it was, {title} would be {would}."
            )
    unit, currency = (split.unit, split.currency) if split is not None else ("", "")
    before, value, would = (
        figure(one, unit, currency=currency) for one in (carrier.before, carrier.value, carrier.would)
    )
    return words.format(
        segment=carrier.segment,
        title=split.title if split is not None else "",
        part=figure(carrier.part, "percent"),
        share=figure(carrier.share, "percent"),
        share_before=figure(carrier.share_before, "percent"),
        before=before,
        value=value,
        would=would,
    )


def weighed(evidence: Evidence) -> bool:
    """Tell whether drifted columns are ranked by what they tell of the score, too."""
    return any(one.importance is not None for one in evidence.drifted)


def different(evidence: Evidence, most: int = MOST) -> list[str]:
    """Say what changed in the columns that drifted, those that matter most first."""
    said = []
    for one in [each for each in evidence.drifted if each.reason][:most]:
        if one.importance is None or one.importance >= 1:  # all of it: the score itself
            said.append(_("{reason}.").format(reason=one.reason))
        else:
            weight = figure(one.importance, "percent")
            words = _("{reason}; by itself it tells {weight} of the score's variation.")
            said.append(words.format(reason=one.reason, weight=weight))
    return said
