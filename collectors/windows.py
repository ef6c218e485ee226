"""What is due: windows planned from cheap fingerprints of the sources, inputs and outcomes apart.

A window's *mark* is a text that changes whenever its rows may have. It starts with the `base` (configuration
and grid set), so whatever changes either makes every window due whose sources are still there.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collectors.sources.base import Slice
from core.windows import Grain, Window, windows_between

READABLE = "ok"
BATCH_ROWS = 2_000_000
"""Rows of one batch for each GiB of memory; as many are counted of every segment at a time."""
BATCH_WINDOWS = 62


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What is stored of a window: its marks, as of when it was collected, and whether that went well."""

    inputs_mark: str
    outcomes_mark: str
    collected_at: datetime
    ok: bool = True

    def is_counted_by(self, outcomes_base: str) -> bool:
        """Tell whether its outcomes were counted as the configuration says now."""
        return self.outcomes_mark.partition(":")[0] == outcomes_base


def digest(parts: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that tell lists of texts apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def span_of(slices: Iterable[Slice], now: datetime) -> tuple[datetime, datetime] | None:
    """Return the span of the rows that had happened by `now`; None without any."""
    good = [one for one in slices if not one.error and one.first is not None and one.last is not None]
    firsts = [one.first for one in good if one.first is not None and one.first <= now]
    if not firsts:
        return None
    lasts = [one.last for one in good if one.last is not None]
    return min(firsts), min(max(lasts), now)


def windows_of(
    slices: Iterable[Slice], grain: Grain, zone: ZoneInfo, now: datetime,
    since: datetime | None = None, until: datetime | None = None,
) -> list[Window]:  # fmt: skip
    """Return every window from the first row to the last one that had happened by `now`."""
    span = span_of(slices, now)
    if span is None:
        return []
    first, last = span
    return [
        window
        for window in windows_between(first, last + timedelta(microseconds=1), grain, zone)
        if (since is None or window.end > since) and (until is None or window.start < until)
    ]


def number_of(first: Window, last: Window, zone: ZoneInfo) -> int:
    """Return how many windows there are from one to another, the last one left out."""
    if first.grain is Grain.HOUR:
        return (last.start - first.start) // first.grain.length
    days = (last.local_day(zone) - first.local_day(zone)).days
    if first.grain is Grain.MONTH:
        a, b = first.local_day(zone), last.local_day(zone)
        return (b.year - a.year) * 12 + b.month - a.month
    return days // first.grain.length.days


def touching(windows: Sequence[Window], slices: Iterable[Slice]) -> dict[datetime, list[Slice]]:
    """Return, by start of window, the parts of a source in which rows of it may lie."""
    starts = [window.start for window in windows]
    found: defaultdict[datetime, list[Slice]] = defaultdict(list)
    for one in slices:
        if one.error:
            continue
        low = 0 if one.first is None else max(bisect_right(starts, one.first) - 1, 0)
        high = len(starts) if one.last is None else bisect_right(starts, one.last)
        for window in windows[low:high]:
            if one.touches(window.start, window.end):
                found[window.start].append(one)
    return found


def mark_of(base: str, slices: Sequence[Slice]) -> str:
    """Return the mark of a window in which these parts hold rows."""
    if not slices:
        return f"{base}:"
    return f"{base}:{digest(f'{one.name} {one.mark}' for one in sorted(slices, key=lambda one: one.name))}"


def due_inputs(
    windows: Sequence[Window],
    slices: Iterable[Slice],
    known: Mapping[datetime, Collected],
    *,
    base: str,
    now: datetime,
    horizon: timedelta,
    looked: datetime | None = None,
    restless: bool = False,
) -> dict[Window, str]:
    """Return the windows whose inputs are due, with their new marks, in order.

    A clock that went back makes nothing due: what was seen later stays.

    Args:
        horizon: windows that ended longer ago are final: late rows no longer count.
        looked: when a pass last looked; what was not yet final then gets one more look, however late.
        restless: rows may become visible without a change of their part (they say when they arrived).
    """

    def may_show(window: Window, inside: Sequence[Slice], old: Collected) -> bool:
        return _unseen(window, inside, old, now) or (restless and old.collected_at < now)

    parts, last = touching(windows, slices), now if looked is None else min(looked, now)
    due: dict[Window, str] = {}
    for window in windows:
        inside = parts.get(window.start, [])
        mark, old = mark_of(base, inside), known.get(window.start)
        if old is None or (
            inside
            and (  # where its source is gone, what was collected stays
                (not old.ok and old.collected_at <= now)
                or old.inputs_mark.partition(":")[0] != base
                or (
                    window.end + horizon > last
                    and old.collected_at <= now
                    and (old.inputs_mark != mark or may_show(window, inside, old))
                )
            )
        ):
            due[window] = mark
    return due


def still_open(windows: Iterable[Window], *, now: datetime, horizon: timedelta) -> list[Window]:
    """Return the windows whose outcomes may still change."""
    return [window for window in windows if window.end + horizon > now]


def outcomes_mark(base: str, label_marks: str, tables: Sequence[Slice], *, closed: bool | None) -> str:
    """Return the mark of a window's outcomes.

    `closed` says whether absent labels count as negative by now; None where they never do.
    """
    ripe = "" if closed is None else str(int(closed))
    return f"{base}:{label_marks}:{mark_of('', tables)}:{ripe}"


def rows_at_a_time(memory: int, segments: int) -> int:
    """Return how many rows are counted in one go, within so many bytes."""
    return max(BATCH_ROWS * memory // 2**30 // (1 + segments), 1)


def batches(
    windows: Sequence[Window], rows: Mapping[datetime, int], most: int, length: int
) -> list[list[Window]]:
    """Cut windows into runs of at most `length` windows and about `most` rows."""
    found: list[list[Window]] = []
    held = 0
    for window in windows:
        n = rows.get(window.start, 0)
        if not found or len(found[-1]) >= length or (found[-1] and held + n > most):
            found.append([])
            held = 0
        found[-1].append(window)
        held += n
    return found


def rows_in(windows: Sequence[Window], slices: Iterable[Slice]) -> dict[datetime, int]:
    """Estimate the rows of each window: a part's rows are spread evenly over the windows it touches."""
    found: defaultdict[datetime, int] = defaultdict(int)
    counts: defaultdict[str, int] = defaultdict(int)
    parts = touching(windows, slices)
    for inside in parts.values():
        for one in inside:
            counts[one.name] += 1
    for start, inside in parts.items():
        for one in inside:
            found[start] += one.rows // counts[one.name]
    return found


def _unseen(window: Window, inside: Sequence[Slice], old: Collected, now: datetime) -> bool:
    """Tell whether rows lay in the future when the window was collected, and no longer do."""
    if old.collected_at >= window.end or now <= old.collected_at:
        return False
    return any(one.last is None or one.last > old.collected_at for one in inside)
