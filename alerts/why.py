"""What may explain harm: columns that drifted and matter, mix or rate by segment, the time of the year."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts.defaults import DRIFT, SCORE
from alerts.rules.base import Judgement, Verdict
from alerts.series import Judged, Known
from core.dates import day_text
from core.evidence import CarrierFact, Drifted, Finding, LevelFact, SplitFact
from core.profile import merge_all
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from metrics.decomposition import Level, Split, carrier
from metrics.decomposition import split as split_of
from metrics.importance import importance
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

    The time since the harm began is compared with the 28 windows before it. None where the metric is not kept
    by segment.
    """
    if worst.segment or worst.column or worst.effect is None:
        return None, None
    before, after = _sums(session, known, worst)
    splits = {
        column: found
        for column in before.keys() & after.keys()
        if (found := split_of(before[column], after[column])) is not None and len(found.levels) > 1
    }
    if not splits:
        return None, None
    of = {id(level): column for column, one in splits.items() for level in one.levels}
    most = carrier(list(splits.values()))
    column = max(sorted(splits), key=lambda name: _telling(splits[name])) if most is None else of[id(most)]
    return _fact(worst, column, splits[column]), None if most is None else _carried(
        column, most, splits[column]
    )


def _sums(
    session: Session, known: Known, worst: Finding
) -> tuple[Mapping[str, dict[str, tuple[float, float]]], ...]:
    """Return numerators and denominators by segment column and level, before the harm and since it began."""
    points = metrics.points(
        session, known.model.name, metric=worst.metric, segment=None, column="", grain=known.model.grain
    )
    usable = [
        point
        for point in points
        if point.segment and "," not in point.segment and not point.version
        and point.value.state is ValueState.OK and point.value.value is not None
    ]  # fmt: skip
    starts = sorted({point.window.start for point in usable if point.window.end <= worst.since})[-BEFORE:]
    found: tuple[defaultdict[str, dict[str, tuple[float, float]]], ...] = (
        defaultdict(dict),
        defaultdict(dict),
    )
    for point in usable:
        late = point.window.start >= worst.since
        if not late and point.window.start not in starts:
            continue
        column, _eq, level = point.segment.partition("=")
        numerator, denominator = found[late][column].get(level, (0.0, 0.0))
        more = _parts(point)
        found[late][column][level] = (numerator + more[0], denominator + more[1])
    return found


def _parts(point: MetricPoint) -> tuple[float, float]:
    value = point.value
    if value.numerator is not None and value.denominator:
        return value.numerator, value.denominator
    return (value.value or 0.0) * value.n, float(value.n)


def _telling(found: Split) -> float:
    """Return how much of a move one level of a column is."""
    moved = found.after - found.before
    return max((level.effect / moved for level in found.levels), default=0.0) if moved else 0.0


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


def _carried(column: str, level: Level, found: Split) -> CarrierFact:
    part = level.effect / (found.after - found.before)
    return CarrierFact(segment=f"{column}={level.name}", share=level.share, part=part)


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
