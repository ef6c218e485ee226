"""Sentences of messages: what was seen, what is normal, what to look at first."""

from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.dates import day_text, length_text, local_day, local_time
from core.evidence import Evidence, Finding, GoalFact
from core.figures import figure, points
from core.messages import Severity
from core.rules import TicketKind
from core.text import gettext as _
from reports.mail import Tone

LOOKED_AT = 3
_TOLD = ("service.freshness", "quality.schema")
"""Rules whose own sentence says it all."""


def severity_word(severity: str) -> str:
    """Return the severity in words."""
    return {
        Severity.CRITICAL: _("critical"), Severity.MAJOR: _("major"),
        Severity.MINOR: _("minor"), Severity.NOTICE: _("notice"),
    }.get(Severity(severity), severity)  # fmt: skip


def severity_tone(severity: str) -> Tone:
    """Return the tone of a severity."""
    return {
        Severity.CRITICAL: Tone.BAD, Severity.MAJOR: Tone.BAD, Severity.MINOR: Tone.WATCH,
        Severity.NOTICE: Tone.CALM,
    }[Severity(severity)]  # fmt: skip


def goal_tone(state: str) -> Tone:
    """Return the tone of a goal's state."""
    return {
        "reached": Tone.GOOD, "on track": Tone.GOOD, "at risk": Tone.WATCH, "off track": Tone.BAD,
        "missed": Tone.BAD,
    }.get(state, Tone.CALM)  # fmt: skip


def goal_word(state: str) -> str:
    """Return a goal's state in words."""
    return {
        "reached": _("reached"), "on track": _("on track"), "at risk": _("at risk"),
        "off track": _("off track"), "missed": _("missed"), "unknown": _("unknown"),
    }.get(state, state)  # fmt: skip


def asks_word(kind: str) -> str:
    """Return what a ticket asks for, in words."""
    return {
        TicketKind.RETRAIN: _("retrain the model"), TicketKind.FIX_DATA: _("mend the data"),
        TicketKind.FIX_SERVICE: _("mend the service"), TicketKind.INVESTIGATE: _("find out why"),
    }.get(TicketKind(kind), kind)  # fmt: skip


def seen(finding: Finding, zone: ZoneInfo) -> str:
    """Say what one alert saw, in a sentence with figures and the likely range."""
    if finding.value is None or finding.expected is None or finding.effect is None or not finding.metric:
        return _("{reason}.").format(reason=finding.reason.rstrip("."))
    if finding.rule.startswith(_TOLD):
        return _("{reason}.").format(reason=finding.reason.rstrip("."))
    words = (
        _("{title} rose to {value}{range} {when}; about {expected} is normal.")
        if finding.effect > 0
        else _("{title} fell to {value}{range} {when}; about {expected} is normal.")
    )
    said = words.format(
        title=finding.title,
        value=shown(finding, finding.value),
        range=likely(finding),
        when=when(finding, zone),
        expected=shown(finding, finding.expected),
    )
    if finding.rule == "performance.estimated":
        said += " " + _("Outcomes are still to come: the scores promise it, and what goes in has drifted.")
    return said


def moved(finding: Finding) -> str:
    """Say in a few words which way it went and how far."""
    if finding.effect is None or finding.value is None or finding.rule.startswith(_TOLD):
        return finding.reason or finding.title
    words = _("{title} rose to {value}") if finding.effect > 0 else _("{title} fell to {value}")
    return words.format(title=finding.title, value=shown(finding, finding.value))


def amount(finding: Finding) -> str:
    """Say what the effect means in absolute figures, '' where it has none."""
    if finding.unit not in ("percent", "points") or finding.effect is None or finding.n <= 0:
        return ""
    count = abs(finding.effect) * finding.n
    if count < 1:
        return ""
    of = figure(finding.n, "count")
    words = (
        _("That is about {count} more than usual among {of}.")
        if finding.effect > 0
        else _("That is about {count} fewer than usual among {of}.")
    )
    return words.format(count=figure(count, "count"), of=of)


def likely(finding: Finding) -> str:
    """Return ' (likely a to b)', '' without a range."""
    if finding.lower is None or finding.upper is None or finding.lower == finding.upper:
        return ""
    return " " + _("(likely {lower} to {upper})").format(
        lower=shown(finding, finding.lower), upper=shown(finding, finding.upper)
    )


def shown(finding: Finding, value: float | None) -> str:
    """Write a value of a finding."""
    return figure(value, finding.unit, currency=finding.currency)


def changed(finding: Finding) -> str:
    """Write the effect with its sign, '' without one."""
    if finding.effect is None:
        return ""
    return points(finding.effect, finding.unit, currency=finding.currency)


def when(finding: Finding, zone: ZoneInfo) -> str:
    """Say in which window it was seen."""
    start, end = finding.window_start, finding.window_end
    days = (end - start).total_seconds() / 86400
    if days < 0.9:
        return _("on {time}").format(time=f"{local_day(start, zone)}, {start.astimezone(zone):%H:%M}")
    if days < 1.1:
        return _("on {day}").format(day=local_day(start, zone))
    return _("from {first} on").format(first=local_day(start, zone))


def lasting(finding: Finding, as_of: datetime, zone: ZoneInfo) -> str:
    """Say since when."""
    since = local_time(finding.since, zone)
    return _("{since} ({length})").format(since=since, length=length_text(as_of - finding.since))


def goal_sentence(goal: GoalFact) -> str:
    """Say how the goal stands and what is at stake."""
    target = figure(goal.target, goal.unit, currency=goal.currency)
    by = day_text(goal.by, year=True)
    if goal.value is None:
        return _("{title} is to reach {target} by {by}; how it stands is not known yet.").format(
            title=goal.title, target=target, by=by
        )
    likely_range = ""
    if goal.lower is not None and goal.upper is not None:
        likely_range = " " + _("(likely {lower} to {upper})").format(
            lower=figure(goal.lower, goal.unit, currency=goal.currency),
            upper=figure(goal.upper, goal.unit, currency=goal.currency),
        )
    return _("{title} stands at {value}{range} and is to reach {target} by {by}: {state}.").format(
        title=goal.title,
        value=figure(goal.value, goal.unit, currency=goal.currency),
        range=likely_range,
        target=target,
        by=by,
        state=goal_word(goal.state),
    )


def resolution_sentence(resolution: str) -> str:
    """Say why a ticket was closed; '' where it is not."""
    return {
        "recovered": _("Everything that this ticket was opened for is back to normal."),
        "withdrawn": _("The data that it was opened on was corrected; it no longer shows the harm."),
        "verified": _("The new version is proven better."),
        "accepted": _("The new level was accepted as normal."),
        "dismissed": _("It was dismissed."),
    }.get(resolution, "")


def first_looks(kind: str, evidence: Evidence, links: "Links", zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    """Return the first three things to look at, the likeliest first, each with a link."""
    found: list[tuple[str, str]] = []
    families = {finding.rule.partition(".")[0] for finding in evidence.findings}
    since = min((finding.since for finding in evidence.findings), default=evidence.as_of)
    broken = [finding for finding in evidence.findings if finding.rule.startswith("quality.")]
    if broken:
        names = _some([finding.column or finding.title for finding in broken])
        found.append(
            (_("The feed of {names}: what changed there?").format(names=names), links.model("quality"))
        )
    if any(finding.rule in ("service.freshness", "service.source") for finding in evidence.findings):
        found.append((_("Is the log still written, and can it still be read?"), links.model("service")))
    if "service" in families:
        when_ = local_time(since, zone)
        found.append((_("The service's own logs from {when} on").format(when=when_), links.model("service")))
    if evidence.carrier is not None:
        text = _("The segment {segment}: {part} of the move is there").format(
            segment=evidence.carrier.segment, part=figure(min(evidence.carrier.part, 1.0), "percent")
        )
        found.append((text, links.model(segment=evidence.carrier.segment)))
    elif evidence.segments:
        worst = evidence.segments[0]
        unit = evidence.findings[0].unit if evidence.findings else ""
        text = _("The segment {segment}: {value} there, {before} before").format(
            segment=worst.segment, value=figure(worst.value, unit), before=figure(worst.before, unit)
        )
        found.append((text, links.model(segment=worst.segment)))
    if evidence.drifted:
        names = _some([column.column for column in evidence.drifted])
        found.append((_("The columns that drifted most: {names}").format(names=names), links.model("drift")))
    if evidence.release is not None and timedelta_days(since, evidence.release.at) <= 14:
        text = _("Release {version} of {day}: did the harm begin with it?").format(
            version=evidence.release.version, day=local_day(evidence.release.at, zone)
        )
        found.append((text, links.model()))
    general = [
        (_("Errors and latency of the service in these days"), links.model("service")),
        (_("Missing and unseen values in these days"), links.model("quality")),
        (_("Drift of the columns against the reference"), links.model("drift")),
    ]
    if kind in (TicketKind.FIX_DATA, TicketKind.FIX_SERVICE):
        general.append((_("What it has done to the goal so far"), links.model("goals")))
    taken = {link for _text, link in found}
    found += [one for one in general if one[1] not in taken]
    return tuple(found[:LOOKED_AT])


def timedelta_days(a: datetime, b: datetime) -> float:
    """Return how many days lie between two moments, either way."""
    return abs((a - b).total_seconds()) / 86400


def _some(names: list[str], most: int = 3) -> str:
    names = list(dict.fromkeys(names))
    text = ", ".join(names[:most])
    return text if len(names) <= most else _("{names} and {n} more").format(names=text, n=len(names) - most)


class Links:
    """Addresses of pages as they stood at a time."""

    def __init__(self, public_url: str, model: str, as_of: datetime) -> None:
        self._root = str(public_url).rstrip("/")
        self._model = model
        self._as_of = as_of.isoformat(timespec="seconds").replace("+00:00", "Z")

    def model(self, page: str = "model", *, segment: str = "", column: str = "", window: str = "") -> str:
        """Return a page about the model; `window` is a time in the window to frame."""
        asked = {
            "model": self._model, "segment": segment, "column": column, "window": window if column else "",
            "as_of": self._as_of,
        }  # fmt: skip
        return self._page(page, asked)

    def ticket(self, ticket: int) -> str:
        """Return a ticket's page."""
        return self._page("tickets", {"ticket": str(ticket), "as_of": self._as_of})

    def overview(self) -> str:
        """Return the first page."""
        return self._page("", {"as_of": self._as_of})

    def _page(self, page: str, asked: dict[str, str]) -> str:
        return f"{self._root}/{page}?{urlencode({key: value for key, value in asked.items() if value})}"
