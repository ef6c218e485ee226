"""One ticket: what happened, what it means, where to look, and everything that was done about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import streamlit as st

from alerts import tickets as desk
from alerts.incidents import worst_first
from alerts.readiness import readiness
from core.errors import GoalkeeperError
from core.evidence import Evidence, Finding, ProofFact
from core.figures import figure, points
from core.rules import TicketState
from core.text import gettext as _
from core.text import ngettext
from core.windows import Grain
from dashboard import acts, charts, data, explanation, tables, text, widgets
from dashboard.context import Context
from dashboard.scene import Level, Scene, Shade
from dashboard.tables import Cell
from dashboard.theme import palette
from reports import proofs, wording
from reports.wording import Links
from store import mirrors, tickets
from store.tables import AlertRow, MirrorRow, TicketEventRow, TicketRow

_BEFORE, _AFTER = timedelta(days=45), timedelta(days=10)
_WORDS = ("service.freshness", "quality.schema")
"""Rules whose sentence says it all: their numbers make no picture."""
_SHARES = ("service.", "quality.")
"""Families of shares and counts: none of their values lies below 0, whatever the band around normal says."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A ticket with its evidence, its alerts as they stand now, and its trail."""

    row: TicketRow
    evidence: Evidence
    alerts: tuple[AlertRow, ...]
    trail: tuple[TicketEventRow, ...]
    mirrors: tuple[MirrorRow, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what it was opened with and what joined later."""
        return tuple(desk.findings_of(self.row, self.trail))

    @property
    def worst(self) -> Finding | None:
        """Return what matters most of all that was found so far."""
        return next(iter(worst_first(self.findings)), None)

    @property
    def explained(self) -> Evidence:
        """Return the evidence with the split of the worst finding's move, where that joined later."""
        worst = self.worst
        for event in self.trail:
            if (
                "split" in event.detail
                and worst is not None
                and event.detail["finding"]["rule"] == worst.rule
            ):
                found = {name: event.detail.get(name) for name in ("split", "carrier")}
                return Evidence.model_validate(self.evidence.model_dump() | found)
        return self.evidence


def render(context: Context, ticket_id: int) -> None:
    """Draw the page of one ticket."""
    try:
        with context.store.read() as session:
            row = desk.find(session, ticket_id)
            opened = Opened(
                row=row,
                evidence=Evidence.model_validate(row.evidence),
                alerts=tuple(desk.alerts_of(session, row)),
                trail=tuple(tickets.events(session, row.id)),
                mirrors=tuple(mirrors.mirrors(session, row.id)),
            )
    except GoalkeeperError as error:
        st.title(_("Tickets"))
        widgets.empty(
            text.markdown(error.message), _("It may belong to another project, or the link was cut.")
        )
        st.page_link(context.pages["tickets"], label=_("All tickets"), icon=":material/arrow_back:")
        return
    as_of, context = context.as_of, replace(context, as_of=None)  # who works on it needs what is known now
    st.page_link(context.pages["tickets"], label=_("All tickets"), icon=":material/arrow_back:")
    st.title(text.markdown(row.title, limit=200))
    _head(context, opened)
    _later(opened, as_of, context)
    since = min((one.since for one in opened.findings), default=row.opened_at)
    acts.panel(context, row, since)
    with st.container(key="split-ticket"):
        left, right = st.columns([11, 5], gap="large")
        with right:
            _facts(context, opened, since)
        with left:
            _happened(context, opened)
            _retraining(context, opened)
            _looks(context, opened)
            explanation.why(context, row.model, opened.explained)
            _findings(context, opened)
            explanation.elsewhere(context, row.model, opened.evidence)
            _trail(context, opened)


def _head(context: Context, opened: Opened) -> None:
    row = opened.row
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        widgets.severity_badge(row.severity)
        widgets.state_badge(row.state, row.resolution)
        st.caption(
            _("Ticket {id} · asks to {what}").format(id=row.id, what=wording.asks_word(row.kind)),
            width="content",
        )
        if row.model in context.project.models:
            model = context.project.models[row.model]
            st.page_link(
                context.pages["model"],
                label=text.markdown(model.shown_title, limit=60),
                query_params={"model": row.model},
                icon=":material/monitoring:",
            )


def _later(opened: Opened, as_of: datetime | None, context: Context) -> None:
    """Tell whoever comes from an older message that the ticket went on since."""
    if as_of is None:
        return
    later = [event for event in opened.trail if event.at > as_of]
    if not later:
        return
    words = ngettext(
        "You come from {when}: {n} thing was done since then, below. This is how the ticket stands now.",
        "You come from {when}: {n} things were done since then, below. This is how the ticket stands now.",
        len(later),
    )
    st.info(words.format(when=text.moment(as_of, context.zone), n=len(later)), icon=":material/history:")


def _facts(context: Context, opened: Opened, since: datetime) -> None:
    row, zone = opened.row, context.zone
    until = row.closed_at or context.now
    rows = [
        (_("Harm since"), f"{text.moment(since, zone)} ({text.span(until - since)})"),
        (_("Opened"), text.moment(row.opened_at, zone)),
        (_("Works on it"), row.assignee or _("nobody yet")),
    ]
    if row.acknowledged_at is not None:
        rows.append((_("Acknowledged"), text.moment(row.acknowledged_at, zone)))
    elif row.acknowledge_by is not None and row.state == TicketState.OPEN:
        late = _(" (overdue)") if row.acknowledge_by < context.now else ""
        rows.append((_("Acknowledge by"), text.moment(row.acknowledge_by, zone) + late))
    if row.closed_at is not None:
        rows.append((_("Closed"), text.moment(row.closed_at, zone)))
        rows.append((_("Because"), widgets.resolution_word(row.dismissal or row.resolution)))
    release = opened.evidence.release
    if release is not None:
        words = _("{version}, since {when}")
        rows.append(
            (_("Last release"), words.format(version=release.version, when=text.day(release.at, zone)))
        )
    if opened.evidence.reference:
        rows.append((_("Compared with"), opened.evidence.reference.rpartition("/")[2]))
    model = context.project.models.get(row.model)
    if model is not None and model.owner:
        rows.append((_("Owner"), str(model.owner)))
    with st.container(border=True):
        tables.facts(rows)
        if model is not None and str(model.runbook).startswith(("https://", "http://")):
            st.link_button(_("Runbook"), model.runbook, icon=":material/menu_book:")
        for mirror in opened.mirrors:
            if mirror.link.startswith(("https://", "http://")):
                st.link_button(text.markdown(mirror.tracker), mirror.link, icon=":material/open_in_new:")
            if mirror.error:
                failed = _("{tracker} has not taken it: {why}").format(
                    tracker=mirror.tracker, why=mirror.error
                )
                st.caption(text.markdown(failed))


def _happened(context: Context, opened: Opened) -> None:
    worst = opened.worst
    st.header(_("What happened"), anchor="happened")
    if worst is None:
        st.markdown(_("No evidence was kept with this ticket."))
        return
    said = [wording.seen(worst, context.zone), wording.amount(worst)]
    with st.container(key="lead-ticket"):
        st.markdown(" ".join(text.markdown(part) for part in said if part))
        if opened.evidence.goal is not None:
            goal = text.markdown(wording.goal_sentence(opened.evidence.goal))
            st.markdown(_("**For the goal:**") + " " + goal)
    _chart(context, opened, worst)


def _retraining(context: Context, opened: Opened) -> None:
    """Say how far a ticket that asks for a retraining is, with what the retraining printed."""
    row, model = opened.row, context.project.models.get(opened.row.model)
    with context.store.read() as session:
        checks = readiness(session, model, row, context.now)
        steps = proofs.progress(session, row, model, checks, context.zone)
    if not steps:
        return
    st.header(_("Retraining and proof"), anchor="retraining")
    for step in steps:
        st.markdown(f"{step.sign} {text.markdown(step.text, limit=800)}")
        if step.log:
            with st.expander(_("What it printed")):
                st.code(step.log, language=None)
    looked = [step.proof for step in steps if step.proof is not None and step.proof.change is not None]
    if looked:
        _proof(looked[-1])


def _proof(fact: ProofFact) -> None:
    """Lay the levels side by side: before the harm, since, and with the new version."""

    def shown(value: float) -> str:
        return figure(value, fact.unit, currency=fact.currency)

    rows: list[list[str | Cell]] = [[_("Normal before the harm"), shown(fact.before), "", ""]]
    for label, level in ((_("Since the harm began"), fact.old), (fact.version, fact.new)):
        if level is not None:
            limits = f"{shown(level.lower)} … {shown(level.upper)}"
            behind = _("{windows} windows, {n} rows").format(
                windows=level.windows, n=text.number(level.n, "count")
            )
            rows.append([Cell(text=label, note=behind), shown(level.value), limits, ""])
    if fact.change is not None and fact.lower is not None and fact.upper is not None:
        limits = " … ".join(
            points(one, fact.unit, currency=fact.currency) for one in (fact.lower, fact.upper)
        )
        note = _("holds at any time with 95 %")
        change = points(fact.change, fact.unit, currency=fact.currency)
        rows.append(
            [_("Change"), change, Cell(text=limits, note=note), _("better") if fact.is_better else ""]
        )
    tables.table(
        [text.markdown(fact.title, limit=60), _("Level"), _("Likely range"), ""], rows, figures=(1, 2),
        label=_("The proof of the new version"),
    )  # fmt: skip


def _chart(context: Context, opened: Opened, worst: Finding) -> None:
    model = context.project.models.get(opened.row.model)
    if model is None or worst.rule in _WORDS or not worst.metric or worst.value is None:
        return
    hourly = (worst.window_end - worst.window_start) < timedelta(hours=2)
    span = timedelta(days=2) if hourly else _BEFORE
    ends = opened.row.closed_at or context.now
    until = min(context.now, max(ends, worst.window_end) + (timedelta(days=1) if hourly else _AFTER))
    since = max(worst.since - span, until - timedelta(days=365))
    grain = Grain.HOUR if hourly else model.grain
    found = data.series(
        context,
        model.name,
        (worst.metric,),
        since=since,
        until=until,
        version=worst.version,
        segment=worst.segment,
        column=worst.column,
        grain=grain,
    )
    if not found[worst.metric]:
        return
    levels = []
    if worst.expected is not None:
        levels.append(Level(value=worst.expected, label=_("normal"), kind="baseline"))
    goal = opened.evidence.goal
    if goal is not None and worst.metric == f"business.{goal.kpi}":
        levels.append(Level(value=goal.target, label=_("target"), kind="target"))
    same = [
        row
        for row in opened.alerts
        if (row.rule, row.version, row.segment, row.column)
        == (worst.rule, worst.version, worst.segment, worst.column)
    ]
    over = next((row.until for row in same if row.since == worst.since), None) or data.FOREVER
    facts = data.facts(context, model.name)
    scene = Scene(since=since, until=until, zone=context.zone, colours=palette(), moments=facts.moments)
    unit = context.query.unit(model.name, worst.metric)
    st.subheader(text.markdown(worst.title, limit=90))
    widgets.figure(
        charts.trend(
            {worst.title: found[worst.metric]},
            unit,
            scene,
            shades=[Shade(since=worst.since, until=over, label=_("alert"), severity=str(worst.severity))],
            levels=levels,
            height=300,
        ),
        key="ticket-chart",
        alt=_("{title} over time").format(title=worst.title),
    )


def _looks(context: Context, opened: Opened) -> None:
    st.header(_("Look here first"), anchor="look")
    row, evidence = opened.row, opened.evidence
    links = Links(urlsplit(context.project.public_url).path, row.model, evidence.as_of)
    found = wording.first_looks(row.kind, opened.explained, links, context.zone)
    st.markdown(
        "\n".join(
            f"{at}. [{text.markdown(words)}]({link})" if link else f"{at}. {text.markdown(words)}"
            for at, (words, link) in enumerate(found, 1)
        )
    )


def _findings(context: Context, opened: Opened) -> None:
    st.header(_("What was found"), anchor="findings")
    firing = {(row.rule, row.version, row.segment, row.column): row for row in opened.alerts}
    rows: list[list[str | Cell]] = []
    for one in opened.findings[:40]:
        alert = firing.get((one.rule, one.version, one.segment, one.column))
        normal = wording.shown(one, one.expected)
        if one.low is not None and one.high is not None and one.low < 0 and one.rule.startswith(_SHARES):
            normal = _("up to {high}").format(high=wording.shown(one, one.high))  # no share is below 0
        elif one.low is not None and one.high is not None and one.expected is not None:
            normal = f"{wording.shown(one, one.low)} … {wording.shown(one, one.high)}"
        value = wording.shown(one, one.value) if one.value is not None else ""
        rows.append(
            [
                Cell(text=one.title, note=one.reason if one.value is None else ""),
                widgets.severity_word(str(one.severity)),
                Cell(text=value, note=f"n = {text.number(one.n, 'count')}" if one.n else ""),
                normal,
                points(one.effect, one.unit, currency=one.currency) if one.effect is not None else "",
                text.moment(one.since, context.zone),
                widgets.alert_word(alert.state) if alert is not None else "",
            ]
        )
    tables.table(
        [_("What"), _("Severity"), _("At worst"), _("Normal"), _("Change"), _("Since"), _("Now")],
        rows,
        figures=(2, 3, 4),
        label=_("Findings of this ticket"),
    )


def _trail(context: Context, opened: Opened) -> None:
    st.header(_("What was done"), anchor="trail")
    tables.trail([(text.moment(event.at, context.zone), event.actor, _told(event)) for event in opened.trail])


def _told(event: TicketEventRow) -> str:
    detail = event.detail
    words = {
        "opened": _("opened the ticket"),
        "joined": _("added a finding"),
        "acknowledged": _("acknowledged it"),
        "approval_asked": _("asked for approval of the retraining"),
        "approved": _("approved the retraining"),
        "retraining_asked": _("asked for a retraining"),
        "retraining": _("began the retraining"),
        "retrained": _("said that the retraining is done: {version}").format(version=detail.get("version"))
        if detail.get("version")
        else _("said that the retraining is done"),
        "retraining_failed": _("said that the retraining failed"),
        "unconfirmed": _("could not tell what became of the retraining"),
        "verifying": _("saw {version} in the log: its proof begins").format(version=detail.get("version")),
        "reopened": _("opened it again"),
        "back": _("opened it again, for the harm came back"),
        "overdue": _("reminded of it: nobody has acknowledged it in time"),
        "commented": _("wrote"),
        "silenced": _("kept it quiet until {day}").format(day=str(detail.get("until", ""))[:10]),
        "assigned": _("gave it to {name}").format(name=detail.get("to"))
        if detail.get("to")
        else _("took it from {name}").format(name=detail.get("from")),
        "dismissed": _("dismissed it: {why}").format(why=widgets.resolution_word(str(detail.get("why", "")))),
        "accepted": _("accepted the level as normal from {day}").format(day=str(detail.get("from", ""))[:10]),
        "closed": _("closed it"),
        "recovered": _("closed it: everything is back to normal"),
        "withdrawn": _("closed it: the data were corrected and show no harm"),
        "verified": _("closed it: the new version is proven better"),
    }.get(event.action, event.action)
    if event.action in ("reopened", "verified") and detail.get("proof"):
        fact = ProofFact.model_validate(detail["proof"])
        told = proofs.verdict(str(detail.get("outcome")), str(detail.get("version")))
        done = _("closed it") if event.action == "verified" else words
        return f"{done}: {told} {proofs.sentence(fact)}"
    found = detail.get("finding")
    said: Sequence[object] = (
        detail.get("text"),
        detail.get("reason"),
        found.get("reason") or found.get("title") if isinstance(found, dict) else "",
    )
    more = next((str(one) for one in said if one), "")
    return f"{words}: {more}" if more else words
