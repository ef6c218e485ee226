"""What may explain harm: columns that drifted and matter, mix or rate by segment, the time of the year."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts.defaults import DRIFT, SCORE
from alerts.rules.base import Judgement, Verdict
from alerts.series import Judged, Known
from core.config import Model
from core.dates import day_text
from core.evidence import CarrierFact, Drifted, Finding, LevelFact, SplitFact
from core.profile import merge_all
from core.text import gettext as _
from metrics.decomposition import NONE, Pair, Part, Place, Split, carrier, parts
from metrics.importance import importance
from metrics.sums import ALL, ripe_windows, sums_of
from metrics.sums import splits as splits_of
from store import metrics, references
from store.normal import is_moving

MOST = 5
BEFORE = 28
"""Windows before the harm that it is compared with."""
YEAR = timedelta(days=350)
SEASON = timedelta(days=15)
"""By how much a time of the year may lie beside what the reference holds."""


def drifted(session: Session, known: Known, judged: Sequence[Judged], since: datetime) -> tuple[Drifted, ...]:
    """Return the columns that drifted since the harm began, those that matter most to the model first."""
    found: dict[str, Judgement] = {}
    for one in judged:
        if one.watch.metric != DRIFT or one.key.segment:
            continue
        outside = [
            each
            for each in one.judgements
            if each.verdict is Verdict.HARM and each.window.end > since and each.value is not None
        ]
        if outside:
            found[one.key.column] = max(outside, key=lambda each: each.value or 0.0)
    matters = _importance(session, known) if found else {}
    facts = [
        Drifted(
            column=_("the score") if column == SCORE else column, value=each.value or 0.0, normal=each.high,
            reason=each.reason, importance=1.0 if column == SCORE and matters else matters.get(column),
        )
        for column, each in found.items()
    ]  # fmt: skip
    if not matters:
        return tuple(sorted(facts, key=lambda one: -one.value)[:MOST])
    return tuple(sorted(facts, key=lambda one: (-one.value * (one.importance or 0.0), -one.value))[:MOST])


def _importance(session: Session, known: Known) -> dict[str, float]:
    row = references.current_reference(session, known.model.name)
    if row is None:
        return {}
    cells = [profile for _key, profile in references.reference_profiles(session, row, segment="")]
    return importance(merge_all(cells, grid_set=row.grid_set).inputs) if cells else {}


def split(session: Session, known: Known, worst: Finding) -> tuple[SplitFact | None, CarrierFact | None]:
    """Split a move into mix and rate, by the segment column that tells most of it, and name what carries it.

    The windows since the harm began are compared with the 28 before it. None where the metric is not kept by
    segment, or is neither a share nor a mean: only those add up.
    """
    if worst.segment or worst.column or worst.effect is None or not known.model.segments:
        return None, None
    before, after = _sums(session, known, worst)
    splits = splits_of(before, after)
    if not splits:
        return None, None
    whole = before.pop(ALL, NONE), after.pop(ALL, NONE)
    carried = parts(before, after, whole)
    most = carrier(carried)
    named = {column for column, _level in most.place} if most is not None else splits.keys()
    column = max(sorted(named & splits.keys()) or splits, key=lambda name: _telling(carried, name))
    return _fact(worst, column, splits[column]), None if most is None else _carried(known.model, most)


def _sums(session: Session, known: Known, worst: Finding) -> tuple[dict[Place, Pair], dict[Place, Pair]]:
    """Return numerators and denominators by segment (`ALL`: all rows), before the harm and since it began.

    A window too small for a value of its own counts too: its sums are kept where the metric keeps them.
    """
    model = known.model
    points = metrics.points(
        session, model.name, metric=worst.metric, segment=None, column="", grain=model.grain,
        since=worst.since - 2 * BEFORE * model.grain.length,
    )  # fmt: skip
    ripe = ripe_windows(points)
    starts = {*sorted(start for start in ripe if start < worst.since)[-BEFORE:]}
    late = {start for start in ripe if start >= worst.since}
    then, now = (sums_of(points, model.segments, windows) for windows in (starts, late))
    return then, now


def _telling(found: Mapping[Place, Part], column: str) -> float:
    """Return by how much the part of one level of a column exceeds its share of the cases."""
    own = [
        one for place, one in found.items() if len(place) == 1 and any(name == column for name, _l in place)
    ]
    return max((one.part - one.share_before for one in own), default=0.0)


def _fact(worst: Finding, column: str, found: Split) -> SplitFact:
    levels = tuple(
        LevelFact(
            level=one.name, share_before=one.share_before, share=one.share, before=one.before,
            value=one.after, effect=one.effect,
        )
        for one in found.levels[:MOST]
    )  # fmt: skip
    return SplitFact(
        title=worst.title, unit=worst.unit, currency=worst.currency, column=column, before=found.before,
        value=found.after, mix=found.mix, rate=found.rate, levels=levels,
    )  # fmt: skip


def _carried(model: Model, most: Part) -> CarrierFact:
    level = dict(most.place)
    columns = next(one for one in model.segments if set(one) == level.keys())
    return CarrierFact(
        segment=",".join(f"{column}={level[column]}" for column in columns), share=most.share, part=most.part,
        share_before=most.share_before, before=most.before, value=most.after, would=most.would,
    )  # fmt: skip


def season(session: Session, known: Known, worst: Finding) -> str:
    """Say that the reference does not hold this time of the year, '' where it does or moves along."""
    row = references.current_reference(session, known.model.name)
    outcome = worst.rule.startswith(("business.", "performance."))
    if not outcome or is_moving(known.model) or row is None or row.first is None or row.last is None:
        return ""
    first, last, when = row.first, row.last, worst.since
    if last - first >= YEAR:
        return ""
    years = (when.year - last.year, when.year - first.year)
    for back in range(min(years), max(years) + 1):
        then = when - timedelta(days=365.25 * back)
        if first - SEASON <= then <= last + SEASON:
            return ""
    spoken = [
        day_text(moment.astimezone(known.zone).date()) for moment in (first, last - timedelta(seconds=1))
    ]
    return _(
        "The reference holds {first} to {last} alone; another time of the year may simply differ."
        " Once the log holds a year, ‘reference: {{same_period: last_year}}’ compares like with like."
    ).format(first=spoken[0], last=spoken[1])
