"""The work that incidents ask for: the list, or the one ticket that the address names."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import streamlit as st
from sqlalchemy import Row

from core.foreign import one_line
from core.rules import TicketState
from core.text import N_, ngettext
from core.text import gettext as _
from dashboard import data, links, text, ticket, widgets
from dashboard.context import Context, Page
from reports import wording

PAGE = Page(title=N_("Tickets"), icon=":material/confirmation_number:", order=2)
_SHOWN = 25
_STATES = ("open", "closed", "all")
_SHAPES = ("list", "board")
_LANES = {
    N_("Open"): (TicketState.OPEN,),
    N_("Acknowledged"): (TicketState.ACKNOWLEDGED,),
    N_("Retraining"): (TicketState.RETRAINING, TicketState.UNCONFIRMED),
    N_("Verifying"): (TicketState.VERIFYING,),
    N_("Closed lately"): (TicketState.CLOSED,),
}
_LATELY = timedelta(days=28)
_IN_LANE = 8
"""A lane shows so many tickets; the list has all of them."""


def render(context: Context) -> None:
    """Draw the page."""
    asked, note = links.pick_number(st.query_params, "ticket")
    if asked is not None:
        ticket.render(context, asked)
        return
    st.title(_("Tickets"))
    rows = data.tickets_listed(context)
    state = links.pick(st.query_params, "state", _STATES, "open")
    model = links.pick(st.query_params, "model", ["", *context.project.models], "")
    widgets.notes([note, state.note, model.note])
    if not rows:
        widgets.empty(
            _("No ticket was ever opened."),
            _("A ticket opens by itself when a goal, the model, the data or the service is harmed."),
        )
        return
    shape = links.pick(st.query_params, "as", _SHAPES, "list")
    widgets.notes([shape.note])
    _filters(context, state.value, model.value, shape.value)
    if shape.value == "board":
        _board(context, [row for row in rows if model.value in ("", row.model)])
        return
    wanted = [row for row in rows if _is_wanted(row, state.value, model.value)]
    still = sum(1 for row in rows if row.state != TicketState.CLOSED)
    if not wanted:
        widgets.empty(
            _("No open ticket: nothing is asked of anybody.") if not still else _("No ticket like this."),
            _("Closed ones are kept: choose “closed” above."),
        )
    page = 1
    if len(wanted) > _SHOWN:
        page = int(st.number_input(_("Page"), 1, -(-len(wanted) // _SHOWN), key="page", width=140))
    for row in wanted[(page - 1) * _SHOWN : page * _SHOWN]:
        _card(context, row)
    if len(wanted) > _SHOWN:
        st.caption(ngettext("{n} ticket", "{n} tickets", len(wanted)).format(n=len(wanted)))


def _filters(context: Context, state: str, model: str, shape: str) -> None:
    words = {"open": _("open"), "closed": _("closed"), "all": _("all")}
    shapes = {"list": _("list"), "board": _("board")}
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        if shape == "list":  # a board has a lane for each
            _control("state", _("State"), words, state)
        if len(context.project.models) > 1:
            titles = {name: one.shown_title for name, one in context.project.models.items()}
            st.selectbox(
                _("Model"),
                ["", *titles],
                key=links.bound("model", model),
                format_func=lambda one: one_line(titles[one]) if one else _("every model"),
                on_change=links.write,
                args=("model",),
                label_visibility="collapsed",
                width=260,
            )
        _control("as", _("Shown as"), shapes, shape)


def _control(name: str, label: str, words: Mapping[str, str], value: str) -> None:
    """Offer one of a few words, which the address then has."""
    st.segmented_control(
        label, list(words), key=links.bound(name, value), format_func=lambda one: words[one],
        on_change=links.write, args=(name,), label_visibility="collapsed",
    )  # fmt: skip


def _board(context: Context, rows: Sequence[Row[Any]]) -> None:
    """Draw a lane for each step of the work."""
    with st.container(key="charts-lanes"):
        for (title, states), lane in zip(_LANES.items(), st.columns(len(_LANES)), strict=True):
            ours = [row for row in rows if row.state in states and _is_recent(context, row)]
            with lane:
                st.markdown(f"**{_(title)}** · {len(ours)}")
                if not ours:
                    st.caption(_("nothing"))
                for row in ours[:_IN_LANE]:
                    _small(context, row)
                if len(ours) > _IN_LANE:
                    more = len(ours) - _IN_LANE
                    st.caption(ngettext("{n} more in the list", "{n} more in the list", more).format(n=more))


def _is_recent(context: Context, row: Row[Any]) -> bool:
    return row.closed_at is None or row.closed_at >= context.now - _LATELY


def _small(context: Context, row: Row[Any]) -> None:
    """Show a ticket as a card of a board: what, how bad, whose."""
    model = context.project.models.get(row.model)
    with st.container(border=True, key=f"card-lane-{row.id}"):
        widgets.severity_badge(row.severity)
        st.page_link(
            context.pages["tickets"],
            label=f"{row.id} · {text.markdown(row.title, limit=90)}",
            query_params={"ticket": str(row.id)},
        )
        told = (
            widgets.resolution_word(row.resolution)
            if row.resolution
            else text.markdown(row.assignee, limit=40) or _("nobody yet")
        )
        shown = text.markdown(model.shown_title if model else row.model, limit=40)
        st.caption(f"{shown} · {told} · {text.moment(row.closed_at or row.opened_at, context.zone)}")


def _is_wanted(row: Row[Any], state: str, model: str) -> bool:
    closed = row.state == TicketState.CLOSED
    return (state == "all" or closed == (state == "closed")) and model in ("", row.model)


def _card(context: Context, row: Row[Any]) -> None:
    zone = context.zone
    model = context.project.models.get(row.model)
    with st.container(border=True, key=f"card-ticket-{row.id}"):
        with st.container(key=f"name-ticket-{row.id}"):
            st.page_link(
                context.pages["tickets"],
                label=f"{row.id} · {text.markdown(row.title, limit=160)}",
                query_params={"ticket": str(row.id)},
            )
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            widgets.severity_badge(row.severity)
            widgets.state_badge(row.state, row.resolution)
            st.caption(
                " · ".join(
                    part
                    for part in (
                        text.markdown(model.shown_title if model else row.model, limit=60),
                        _("asks to {what}").format(what=wording.asks_word(row.kind)),
                        _("opened {when}").format(when=text.moment(row.opened_at, zone)),
                        _("closed {when}").format(when=text.moment(row.closed_at, zone))
                        if row.closed_at is not None
                        else _("works on it: {who}").format(
                            who=text.markdown(row.assignee, limit=60) or _("nobody yet")
                        ),
                    )
                    if part
                )
            )
