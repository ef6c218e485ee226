"""A change of one column, in words: which way it went, by how much, since when."""

from math import atanh, tanh

from alerts.rules.base import Series, Trace
from core.figures import figure
from core.text import N_
from core.text import gettext as _
from metrics.contrasts import ABOVE, BELOW, NEW

SCORE = "@score"
BEYOND = {
    NEW: N_("{column} has levels since {since} that the reference hardly ever had"),
    BELOW: N_("{column} has values since {since} that are lower than the reference's"),
    ABOVE: N_("{column} has values since {since} that are higher than the reference's"),
}


def told(series: Series, *, before: float, now: float, error: float, since: str) -> str:
    """Say how a number changed: where it stands, where it stood, and the likely range of the difference."""
    unit = "points" if series.unit == "percent" else series.unit
    low, high = sorted((now - before - 1.96 * error, now - before + 1.96 * error))
    return _("{title} is {now} since {since}, before {before}: a change of {low} to {high}").format(
        title=series.title, now=series.figure(now), since=since, before=series.figure(before),
        low=figure(low, unit, currency=series.currency), high=figure(high, unit, currency=series.currency),
    )  # fmt: skip


def told_of(series: Series, trace: Trace, contrast: int, *, size: float, error: float, since: str) -> str:
    """Say how the values of a column changed; `size` in the unit of contrasts, `error` its standard error."""
    name = trace.names[contrast]
    if trace.pairs:
        return _pair(trace.names[contrast], trace.shares[contrast], size, error, since)
    what = _("the score") if series.key.column == SCORE else series.key.column
    low, high = sorted((abs(size - 1.96 * error), abs(size + 1.96 * error)))
    now, before = (figure(_share(trace, contrast, apart), "percent") for apart in (size, 0.0))
    return _sentence(trace, contrast, name, size).format(
        column=what, level=name or _("rare values"), since=since, low=f"{low:.2f}", high=f"{high:.2f}",
        now=now, before=before,
    )  # fmt: skip


def _pair(names: str, before: float, size: float, error: float, since: str) -> str:
    """Say how a correlation changed; `size` in Fisher's z."""
    z = atanh(before)
    low, now, high = (tanh(z + size + apart) for apart in (-1.96 * error, 0.0, 1.96 * error))
    return _("{columns}: correlated by {now} since {since} ({low} to {high}), before by {before}").format(
        columns=names, now=f"{now:.2f}", since=since, low=f"{low:.2f}", high=f"{high:.2f}",
        before=f"{before:.2f}",
    )  # fmt: skip


def _share(trace: Trace, contrast: int, size: float) -> float | None:
    if contrast >= len(trace.shares):
        return None
    share = trace.shares[contrast]
    return float(min(max(share + size * (share * (1 - share)) ** 0.5, 0.0), 1.0))


def _sentence(trace: Trace, contrast: int, name: str, size: float) -> str:
    up = size > 0
    if name in BEYOND:
        return _(BEYOND[name])
    if trace.shares:
        return (
            _("{column}: the share of {level} rose since {since}, from {before} to {now}")
            if up
            else _("{column}: the share of {level} fell since {since}, from {before} to {now}")
        )
    if name == "location":
        return (
            _("{column} is higher since {since}, by {low} to {high} standard deviations")
            if up
            else _("{column} is lower since {since}, by {low} to {high} standard deviations")
        )
    if name == "spread":
        return (
            _("{column} is spread wider since {since}") if up else _("{column} is spread less since {since}")
        )
    return _("{column} has another shape since {since}")
