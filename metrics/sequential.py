"""A family of series watched together: one alarm for all of them, named by their own evidence.

Members (the columns of a model; or one KPI) have one series or several (their contrasts). A member's evidence
is a weighted average over its series, the family's the average over its members: averages of e-detectors are
e-detectors whatever hangs together, so a family that is quiet alarms at most once in c windows on average.
The alarm is that of each member whose own evidence reaches c as well; there always is one.

A member that alarms is started anew: its windows since the change are no longer normal, and evidence is
gathered again only once it has recovered. That takes `recovery` complete windows in a row whose effect is
inside the floor or whose 95 % interval holds zero, and which together are a thousand times likelier without
the change than with it: of a change of two standard scores every other window looks calm by itself.

Shin, Ramdas, Rinaldo (2023), E-detectors: a nonparametric framework for sequential change detection.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from core.grid import Floats
from metrics.evidence import Scores, Sought, change, evidence, likeliest

Z95 = 1.959964
GONE = log(1000)
"""How much likelier calm windows have to be without the change than with it."""

Indexes = NDArray[np.int64]
Path = Callable[[int, Scores, int], Floats]
"""What gives a member's evidence, float64 [T], from a window on: (member, its scores, start)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """Which series belong to a member: int64 indexes; none where it cannot be watched yet.

    `later` are the same series as calibrated on more windows; they take over from window `switch` on unless
    the first ones have alarmed by then. Before `switch` they are not usable. `weights` float64 [series], sum
    1: how much each counts; None: all alike.
    """

    series: Indexes
    later: Indexes | None = None
    switch: int = 0
    weights: Floats | None = None

    def average(self, evidence: Floats) -> Floats:
        """Return the average, float64 [T], of the evidence of its series, float64 [T, series]."""
        found: Floats = evidence.mean(axis=1) if self.weights is None else evidence @ self.weights
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Alarm:
    """A change of one member, in windows counted from 0.

    It most likely began with window `since` and was seen at `raised`; `over` is the window at which it had
    recovered, None while it lasts. `series` is the one that shows it most, `size` its change in standard
    scores and `error` that one's standard error, as of `raised`. `outside` are the windows after `raised`
    that showed it still.
    """

    member: int
    since: int
    raised: int
    series: int
    size: float
    error: float
    evidence: float
    over: int | None = None
    outside: tuple[int, ...] = ()
    absorbed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """`alarms` in order, `evidence` float64 [T, members] as it stood at each window."""

    alarms: tuple[Alarm, ...]
    evidence: Floats


def watch(
    scores: Scores, members: Sequence[Member], sought: Sought, *, threshold: float, recovery: int,
    path: Path | None = None,
) -> Watched:  # fmt: skip
    """Watch a family.

    Args:
        members: those without series have no evidence and still count.
        threshold: c, the mean number of windows between two false alarms of the family.
        recovery: windows in a row that make a recovery.
        path: another way to the evidence of every member; None: metrics.evidence.
    """
    windows = len(scores.y)
    live = np.zeros((windows, len(members)))
    together = evidence(scores, sought) if path is None and windows else np.zeros(scores.y.shape)

    def gathered(at: int, own: Indexes) -> Floats:
        return members[at].average(together[:, own]) if path is None else path(at, scores.of(own), 0)

    series = []
    for at, member in enumerate(members):
        series.append(member.series if member.later is None else member.later)
        if windows and len(member.series):
            live[:, at] = gathered(at, member.series)
            if member.later is not None:
                live[member.switch :, at] = gathered(at, member.later)[member.switch :]
    normal, starts = scores.normal.copy(), [0] * len(members)
    alarms: list[Alarm] = []
    t = 0
    while members and len(hits := np.flatnonzero(live[t:].mean(axis=1) >= threshold)):
        t += int(hits[0])
        for at in np.flatnonzero(live[t] >= threshold).tolist():
            if t < members[at].switch:
                series[at] = members[at].series
            own = series[at]
            now = replace(scores.of(own), normal=normal[:, own])
            found = _alarm(now, own, sought, at, t, starts[at], float(live[t, at]), recovery)
            alarms.append(found)
            begin = windows if found.over is None else found.over + 1
            starts[at] = begin
            normal[found.since : begin, own] &= found.absorbed
            live[t + 1 :, at] = 0.0
            if begin < windows:
                now = replace(now, normal=normal[:, own])
                fresh = (
                    members[at].average(evidence(now, sought, begin))
                    if path is None
                    else path(at, now, begin)
                )
                live[begin:, at] = fresh[begin:]
        t += 1
    return Watched(alarms=tuple(alarms), evidence=live)


def _alarm(
    scores: Scores, own: Indexes, sought: Sought, member: int, t: int, start: int, held: float, recovery: int
) -> Alarm:
    k = likeliest(scores, sought, t, start)
    sizes, variances = change(scores, k, t)
    weights = sizes**2 / variances
    best = int(np.nanargmax(weights))
    over, outside, absorbed = _recovered(scores, sought, best, sizes, variances, k, t, recovery)
    return Alarm(
        member=member, since=k, raised=t, series=int(own[best]), size=float(sizes[best]),
        error=float(variances[best] ** 0.5), evidence=held, over=over, outside=outside,
        absorbed=absorbed,
    )  # fmt: skip


def _recovered(
    scores: Scores, sought: Sought, best: int, sizes: Floats, variances: Floats, k: int, t: int, recovery: int
) -> tuple[int | None, tuple[int, ...], bool]:
    """Return when an alarm was over (None while it lasts), what was outside, and whether it was absorbed."""
    moved = sizes**2 / variances >= Z95**2
    moved[best] = True
    held, windows = float(sizes[best]), t + 1 - k  # the change so far: its mean and the windows behind it
    calm_in_row, calm_sum = 0, 0.0
    outside: list[int] = []
    for u in range(t + 1, len(scores.y)):
        if not scores.usable[u, best]:
            continue
        if scores.oldest is not None and scores.oldest[u] >= k:
            return u, tuple(outside), True
        level, error = _level(scores, k, u)
        apart = scores.y[u] - level
        calm = np.abs(apart) <= Z95 * error
        calm |= np.abs(apart) * scores.sigma[u] < sought.floor
        if sought.side:
            calm |= apart * sought.side < 0
        if bool(calm[moved & scores.usable[u]].all()):
            calm_in_row, calm_sum = calm_in_row + 1, calm_sum + float(apart[best])
        else:
            more = calm_in_row + 1
            held = (held * windows + calm_sum + float(apart[best])) / (windows + more)
            windows, calm_in_row, calm_sum = windows + more, 0, 0.0
            outside.append(u)
        if calm_in_row >= recovery and calm_in_row * held**2 / 2 - held * calm_sum >= GONE:
            return u, tuple(outside), False
    return None, tuple(outside), False


def _level(scores: Scores, k: int, u: int) -> tuple[Floats, Floats]:
    """Return what was normal before window k, and the standard error of one window's distance from it."""
    first = 0 if scores.oldest is None else min(int(scores.oldest[u]), k)
    before = scores.normal[first:k] & (~scores.seasonal | (scores.groups[first:k, None] == scores.groups[u]))
    n = before.sum(axis=0).astype(np.float64)
    if scores.oldest is None:
        n += scores.behind[np.where(scores.seasonal, scores.groups[u], 0), np.arange(len(n))]
    total = np.where(before, scores.y[first:k], 0.0).sum(axis=0)
    return total / np.maximum(n, 1), np.sqrt(1 + 1 / np.maximum(n, 1))
