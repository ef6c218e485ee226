"""Turn naive local times into UTC by whole numbers, so that every engine does it alike."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 2000, 2040
_DAY = timedelta(days=1)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970 UTC of an aware moment, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """Return the aware moment of microseconds since 1970 UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))


@cache
def changes(zone: ZoneInfo) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    """Return the first offset and (instant, offset before, offset after) of each change, all in µs."""

    def offset(at: datetime) -> int:
        return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)

    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    first = offset(at)
    found = []
    while at < end:
        after = at + 7 * _DAY
        if offset(after) != offset(at):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                middle = middle.replace(microsecond=0)
                low, high = (middle, high) if offset(middle) == offset(at) else (low, middle)
            found.append((micros(high), offset(at), offset(after)))
        at = after
    return first, tuple(found)


def wall_pieces(zone: ZoneInfo) -> tuple[Sequence[int], Sequence[int]]:
    """Return bounds of wall times (µs) and the offset of each piece between them (one more than bounds).

    A wall time that happens twice counts as the first, one that never happens as if clocks had not changed
    yet: the same as `datetime(…, fold=0)`.
    """
    first, found = changes(zone)
    return [at + max(a, b) for at, a, b in found], [first, *(b for _at, _a, b in found)]


def unsure_spans(zone: ZoneInfo) -> Sequence[tuple[int, int]]:
    """Return the spans [start, end) of wall times (µs) that happen twice or never."""
    return [(at + min(a, b), at + max(a, b)) for at, a, b in changes(zone)[1]]
