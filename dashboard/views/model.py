"""One model: its goal first, what to do next, and a look at each of its parts."""

from zoneinfo import ZoneInfo

import streamlit as st

from core.figures import figure
from core.text import N_
from core.text import gettext as _
from dashboard import charts, data, panel, sections, sentences, tables, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.view import View, earlier, filters, is_collected, model_of
from reports import wording
from reports.standing import Standing
from reports.versions import Version

PAGE = Page(title=N_("Model"), icon=":material/monitoring:", order=10, group=Group.MODEL, of_model=True)


def render(context: Context) -> None:
    """Draw the page."""
    title = st.container()
    model, note = model_of(context)
    if model is None:
        title.title(_("Model"))
        return
    view, notes = filters(context, model)
    title.title(text.markdown(model.shown_title, limit=80))
    widgets.notes([note, *notes])
    if not is_collected(view):
        return
    earlier(view)
    _lead(view)
    _goals(view)
    _glance(view)
    _versions(view)


def _versions(view: View) -> None:
    """Show what the registry knows of each version, and whether what it promised came true."""
    if view.model.registry is None or view.context.as_of is not None:
        return
    found = data.versions(view.context, view.model.name, view.asked)
    if not found:
        return
    st.header(_("Versions"), anchor="versions")
    zone = view.context.zone
    told = {promise.metric.name: _(promise.metric.title) for one in found for promise in one.promises}
    first = [metric for chart in sections.performance(view.model) for metric in chart.metrics]
    metrics = sorted(told, key=lambda name: (first.index(name) if name in first else len(first), name))
    rows = [
        [_named(one), _answered(one, zone), _trained(one), *(_kept(one, metric) for metric in metrics)]
        for one in found
    ]
    heads = [_("Version"), _("Answered"), _("Trained on"), *(told[metric] for metric in metrics)]
    tables.table(heads, rows, label=_("Versions"))
    if told:
        st.caption(
            _("Promised by the registry, and what came true from {since} to {until}.").format(
                since=text.day(view.since, zone), until=text.until(view.until, zone)
            )
        )


def _named(one: Version) -> tables.Cell:
    known = one.known
    if known is None:
        return tables.Cell(text=one.version)
    link = known.link if known.link.startswith(("https://", "http://")) else ""
    return tables.Cell(text=one.version, note=known.aliases, link=link)


def _answered(one: Version, zone: ZoneInfo) -> tables.Cell:
    note = ""
    if one.known is not None:
        note = _("registered {day}").format(day=text.day(one.known.registered_at, zone, year=True))
    return tables.Cell(text=text.days(one.first, one.last, zone), note=note)


def _trained(one: Version) -> tables.Cell:
    """Say what a version is compared with of its own, or why with nothing."""
    if one.reference is not None:
        note = _("{n} rows, its reference").format(n=figure(one.reference.rows, "count"))
        return tables.Cell(text=one.reference.description.rpartition("/")[2], note=note)
    if one.known is None:
        return tables.Cell(text="—", note=_("the registry does not know it"))
    if not one.known.training:
        return tables.Cell(text="—", note=one.known.why)
    return tables.Cell(text=one.known.training.rpartition("/")[2], note=_("not counted yet"))


def _kept(one: Version, metric: str) -> tables.Cell:
    """Set what was promised beside what came true."""
    promise = next((each for each in one.promises if each.metric.name == metric), None)
    if promise is None:
        return tables.Cell(text="—")
    unit, value = promise.metric.unit.value, promise.since
    promised = text.number(promise.promised, unit)
    if value.value is None:
        return tables.Cell(text=promised, note=value.reason)
    came = text.number(value.value, unit)
    span = ""
    if value.lower is not None and value.upper is not None:
        span = _("(likely {lower} to {upper})").format(
            lower=text.number(value.lower, unit), upper=text.number(value.upper, unit)
        )
    return tables.Cell(text=f"{promised} → {came}", note=span)


def _glance(view: View) -> None:
    """Draw the one chart of each part that says most, with the way to the others."""
    st.header(_("At a glance"), anchor="glance")
    service = sections.service(view.model)
    parts = [
        ("performance", _("Performance"), sections.performance(view.model)[:1], ""),
        ("drift", _("Drift"), [sections.score_drift()], charts.SCORE),
        ("service", _("Service"), service[1:2], ""),
        ("quality", _("Data quality"), sections.quality(view.model)[1:2], ""),
    ]
    plain = [item for _page, _title, items, column in parts for item in items if not column]
    with st.container(key="charts-glance"):
        sides = st.columns(2, gap="large")
        for at, (page, title, items, column) in enumerate(parts):
            with sides[at % 2]:
                drawn = sum(
                    panel.chart(
                        view, item, column=column, height=220, words=False, among=() if column else plain
                    )
                    for item in items
                )
                if not drawn:
                    st.subheader(title)
                    st.caption(panel.nothing(view))
                panel.onward(view, page, _("More on {page}").format(page=title))
    with st.container(horizontal=True):
        panel.onward(view, "timeline", _("All on one time axis"), icon=":material/timeline:")
        panel.onward(view, "segments", _("By segment"), icon=":material/view_list:")


def _lead(view: View) -> None:
    context, model = view.context, view.model
    standing = data.standing(context, model.name)
    if standing is not None and context.as_of is None:
        st.html(f'<div class="gk-said">{widgets.lights(standing)}</div>')
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.caption(widgets.freshness(view.facts.newest, context), width="content")
        if model.owner:
            st.caption(_("owner: {owner}").format(owner=text.markdown(model.owner)), width="content")
        if model.runbook.startswith(("https://", "http://")):
            st.link_button(_("Runbook"), model.runbook, type="tertiary", icon=":material/menu_book:")
    _next(view, standing)


def _next(view: View, standing: Standing | None) -> None:
    """Say what to do next: the open tickets first."""
    with st.container(border=True, key="card-next"):
        st.markdown("**" + _("What to do next") + "**")
        for ticket in view.facts.tickets[:5]:
            st.page_link(
                view.context.pages["tickets"],
                label=_("Ticket {id} ({severity}) asks to {what}: {title}").format(
                    id=ticket.id,
                    severity=widgets.severity_word(ticket.severity),
                    what=wording.asks_word(ticket.kind),
                    title=text.markdown(ticket.title, limit=120),
                ),
                query_params={"ticket": str(ticket.id)},
                icon=":material/confirmation_number:",
            )
        if len(view.facts.tickets) > 5:
            st.caption(_("and {n} more under Tickets").format(n=len(view.facts.tickets) - 5))
        if not view.facts.tickets:
            st.markdown(sentences.next_step(standing))


def _goals(view: View) -> None:
    st.header(_("Goal"), anchor="goal")
    standings = data.goals(view.context, view.model.name)
    if not view.model.kpis:
        widgets.empty(
            _("No KPI is declared, so nobody can say whether this model does its work."),
            _("Add `kpis:` and `goals:` to the model: a numerator and a denominator are enough."),
        )
    with st.container(key="lead"):
        for standing in standings:
            st.markdown(sentences.goal_sentence(standing))
    if standings and view.model.experiment is None:
        st.caption(
            _(
                "Without a control group a move of the KPI cannot be credited to the model:"
                " the market moves it too."
            )
        )
    panel.experiment(view)
    for kpi in view.model.kpis:
        levels = [
            level for standing in standings if standing.goal.kpi == kpi for level in panel.levels_of(standing)
        ]
        title = view.model.kpis[kpi].title or kpi
        panel.chart(
            view,
            sections.Chart(title=title, metrics=(f"business.{kpi}",), foreign=True),
            levels=levels,
            height=330,
        )
