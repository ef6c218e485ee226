"""Numerators and denominators of stored values, added up over windows: of all rows and of each segment."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from math import isclose

from core.values import MetricPoint, MetricValue, ValueState
from metrics.decomposition import NONE, Pair, Place, Split, split

ALL: Place = frozenset()
"""The place of all rows."""
Names = Sequence[Sequence[str]]
"""The columns that are segments: one each, or several crossed."""


def adds_up(value: MetricValue) -> bool:
    """Tell whether a value is a share or a mean: what it says is its numerator over its denominator."""
    if value.value is None or value.numerator is None or not value.denominator:
        return False
    return isclose(value.value, value.numerator / value.denominator, rel_tol=1e-6, abs_tol=1e-12)


def ripe_windows(points: Iterable[MetricPoint]) -> frozenset[datetime]:
    """Return the starts of the windows whose value of all rows is complete and adds up."""
    return frozenset(
        point.window.start
        for point in points
        if not point.segment and point.value.state is ValueState.OK and adds_up(point.value)
    )


def sums_of(points: Iterable[MetricPoint], segments: Names, windows: Set[datetime]) -> dict[Place, Pair]:
    """Add up some windows by segment (`ALL`: all rows).

    A window too small for a value of its own counts too: its sums are kept where the metric keeps them.
    """
    found = defaultdict[Place, Pair](lambda: NONE)
    for point in points:
        numerator, denominator = point.value.numerator, point.value.denominator
        if point.window.start not in windows or numerator is None or denominator is None:
            continue
        place = place_of(segments, point.segment)
        if place is None:
            continue
        held = found[place]
        found[place] = (held[0] + numerator, held[1] + denominator)
    return dict(found)


def place_of(segments: Names, segment: str) -> Place | None:
    """Read a segment, 'region=north,campaign=a'; None where the file declares none like it any more."""
    if not segment:
        return ALL
    for columns in sorted(segments, key=lambda one: -len(one)):
        pattern = ",".join(f"{re.escape(column)}=(.*)" for column in columns)
        read = re.fullmatch(pattern, segment, re.DOTALL)
        if read is not None:
            return frozenset(zip(columns, read.groups(), strict=True))
    return None


def splits(before: Mapping[Place, Pair], after: Mapping[Place, Pair]) -> dict[str, Split]:
    """Split a move by each segment column that has more than one level."""
    columns = sorted({column for place in before.keys() | after.keys() for column, _level in place})
    found = {}
    for column in columns:
        then, now = (_levels(sums, column) for sums in (before, after))
        told = split(then, now)
        if len(then.keys() | now.keys()) > 1 and told is not None:
            found[column] = told
    return found


def _levels(sums: Mapping[Place, Pair], column: str) -> dict[str, Pair]:
    """Return the sums of a column's levels; what of all rows is in none of them stands as ''."""
    found = {
        level: pair
        for place, pair in sums.items()
        if len(place) == 1
        for name, level in place
        if name == column
    }
    whole = sums.get(ALL, NONE)
    numerator, denominator = (
        all_ - sum(pair[at] for pair in found.values()) for at, all_ in enumerate(whole)
    )
    if found and denominator > 1e-9 * whole[1]:
        found[""] = (numerator, denominator)
    return found
