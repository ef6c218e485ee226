"""One model: its goal first, what to do next, and a look at each of its parts."""

import streamlit as st

from core.text import N_
from core.text import gettext as _
from dashboard import charts, data, panel, sections, sentences, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.view import View, earlier, filters, is_collected, model_of
from reports import wording
from reports.standing import Standing

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
