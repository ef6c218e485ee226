"""From verdicts to episodes: when an alert began and when it was over (SPEC.md, States).

An episode begins with the first of `for_` judged windows in a row that are outside in the same direction, and
is over after three complete calm windows in a row (24 by the hour). Windows that cannot be judged neither
break a row nor count in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.rules.base import RECOVERY, Judgement, Verdict
from core.rules import AlertState
from core.text import gettext as _


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One stretch of harm, or (`good`) of a move in the good direction.

    `first` and `last` are its first and last window outside, `worst` the one with the largest effect;
    `raised` is the end of the window at which `for` was reached; `over` the end of the window at which it
    had recovered, None while it lasts. `accepted`: a person called the new level normal.
    """

    good: bool
    first: Judgement
    last: Judgement
    worst: Judgement
    raised: datetime
    over: datetime | None = None
    accepted: bool = False

    @property
    def state(self) -> AlertState:
        """Return the alert's state."""
        return AlertState.FIRING if self.over is None else AlertState.OK

    @property
    def since(self) -> datetime:
        """Return when the harm began."""
        return self.first.began or self.first.window.start

    @property
    def until(self) -> datetime | None:
        """Return when it was over: the end of the last window outside; None while it lasts."""
        return None if self.over is None else self.last.window.end


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All episodes of one rule on one key, in order, and where it stands at the newest window."""

    episodes: tuple[Episode, ...]
    newest: Judgement | None

    @property
    def current(self) -> Episode | None:
        """Return the episode that still lasts."""
        return self.episodes[-1] if self.episodes and self.episodes[-1].over is None else None

    @property
    def state(self) -> AlertState:
        """Return the rule's state: a move in the good direction is ok."""
        if self.current is not None and not self.current.good:
            return AlertState.FIRING
        if self.newest is None or self.newest.verdict is Verdict.UNKNOWN:
            return AlertState.UNKNOWN
        return AlertState.OK

    @property
    def reason(self) -> str:
        """Return why."""
        if self.current is not None:
            return self.current.last.reason
        return _("There is no complete window yet.") if self.newest is None else self.newest.reason


def timeline(judgements: Sequence[Judgement], for_: int = 1) -> Timeline:
    """Walk the verdicts in order."""
    done: list[Episode] = []
    row: list[Judgement] = []
    current: list[Judgement] = []
    raised: datetime | None = None
    calm = 0
    for one in judgements:
        if one.verdict is Verdict.UNKNOWN:
            continue
        outside = one.verdict in (Verdict.HARM, Verdict.GOOD)
        if raised is not None and outside and one.verdict is current[0].verdict:
            current.append(one)
            calm, row = 0, []
            continue
        row = (
            [*row, one]
            if outside and (not row or row[-1].verdict is one.verdict)
            else [one]
            if outside
            else []
        )
        if raised is not None:
            calm = calm + 1 if one.verdict is Verdict.CALM else 0
            turned = len(row) >= for_
            if calm >= RECOVERY[one.window.grain] or turned:
                done.append(_episode(current, raised, over=one.window.end))
                raised, calm = None, 0
        if raised is None and len(row) >= for_:
            current, row, raised = row, [], one.window.end
    if raised is not None:
        done.append(_episode(current, raised, over=None))
    return Timeline(episodes=tuple(done), newest=judgements[-1] if judgements else None)


def _episode(outside: Sequence[Judgement], raised: datetime, over: datetime | None) -> Episode:
    return Episode(
        good=outside[0].verdict is Verdict.GOOD,
        first=outside[0],
        last=outside[-1],
        worst=max(outside, key=lambda one: abs(one.effect or 0.0)),
        raised=raised,
        over=over,
    )
