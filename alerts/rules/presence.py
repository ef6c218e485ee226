"""A feed that stopped: windows without rows in which rows were to be expected.

The series counts rows, with 0 for windows that never came. An empty stretch is harm once it holds `for`
windows that should have had rows and `least` rows should have come in it by the log's own habit: the mean of
the same weekday (hourly windows: the same hour of the same weekday) over the four weeks before the stretch.
Rows that come at random reach 30 expected ones without a single arrival with probability e⁻³⁰; weekends and
nights of a log that rests then expect nothing. It needs a week of history.
"""

from collections import defaultdict

from pydantic import Field

from alerts.rules.base import Judgement, RuleOptions, Series, Verdict, has_number, unknown
from core.dates import local_time
from core.figures import figure
from core.text import gettext as _
from core.windows import Grain, Window

WEEKS = 4
LOOKS_BACK = {Grain.HOUR: 6 * 7 * 24, Grain.DAY: 6 * 7, Grain.WEEK: 10, Grain.MONTH: 12}
LEARN = {Grain.HOUR: 7 * 24, Grain.DAY: 7, Grain.WEEK: 4, Grain.MONTH: 3}


class Options(RuleOptions):
    """`least` is the number of rows that must be missing before it is told."""

    for_: int = Field(2, alias="for", ge=1)
    least: float = Field(30.0, gt=0)

    @property
    def row(self) -> int:
        """Return 1: the judge counts the windows that should have had rows."""
        return 1


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge each window; its own `for` is applied here, since quiet windows do not count."""
    past: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    pending: list[tuple[tuple[int, int], float]] = []
    found: list[Judgement] = []
    missing, empty = 0.0, 0
    since = None
    for at, point in enumerate(series.points):
        rows, kind = point.value.value, _kind(series, point.window)
        if not has_number(point) or rows is None:
            found.append(unknown(point))
            continue
        if at < LEARN[point.window.grain]:
            past[kind].append(rows)
            reason = _("learning, {known} of {least}").format(known=at, least=LEARN[point.window.grain])
            found.append(unknown(point, reason))
            continue
        habit = past[kind][-WEEKS:]
        expected = sum(habit) / len(habit) if habit else 0.0
        if rows > 0:
            for earlier, value in [*pending, (kind, rows)]:
                past[earlier].append(value)
            pending, missing, empty, since = [], 0.0, 0, None
        else:
            pending.append((kind, 0.0))
            missing += expected
            empty += expected >= 1
            since = since or point.window.start
        stopped = empty >= options.for_ and missing >= options.least
        reason = _("No rows since {since}; by now about {n} were to be expected")
        local = "" if since is None else local_time(since, series.zone)
        found.append(
            Judgement(
                window=point.window,
                verdict=Verdict.HARM if stopped else Verdict.CALM if rows > 0 else Verdict.NEAR,
                reason=reason.format(since=local, n=figure(missing, "count")) if stopped else "",
                value=rows,
                expected=expected,
                low=1.0,
                effect=rows - expected,
                n=int(rows),
                began=since if stopped else None,
            )
        )
    return found


def _kind(series: Series, window: Window) -> tuple[int, int]:
    local = window.start.astimezone(series.zone)
    if window.grain is Grain.HOUR:
        return local.weekday(), local.hour
    return (local.weekday(), 0) if window.grain is Grain.DAY else (0, 0)
