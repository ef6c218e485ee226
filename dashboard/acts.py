"""What people do to a ticket from its page: one short transaction each, refused in words."""

from collections.abc import Callable
from datetime import datetime, time

import streamlit as st
from sqlalchemy.orm import Session

from alerts import retraining
from alerts import tickets as desk
from alerts.defaults import rules_of
from core.errors import GoalkeeperError
from core.foreign import one_line
from core.rules import Dismissal, TicketState
from core.text import gettext as _
from dashboard import silence, text, widgets
from dashboard.context import Context
from store import retrainings
from store.tables import TicketRow

DONE = "ticket-done"
"""Where the page keeps, over its next run, what was done."""


def panel(context: Context, ticket: TicketRow, since: datetime) -> None:
    """Offer what may be done to the ticket; `since` is when its harm began."""
    done = st.session_state.pop(DONE, "")
    if done:
        st.success(done, icon=":material/check:")
    if context.reader.barred:
        st.caption(context.reader.barred)
        return
    with st.container(horizontal=True, gap="small", key="acts"):
        if ticket.state != TicketState.CLOSED:
            _acknowledge(context, ticket)
            _retrain(context, ticket)
            _assign(context, ticket)
        _comment(context, ticket)
        _silence(context, ticket)
        if ticket.state != TicketState.CLOSED:
            _close(context, ticket)
            _accept(context, ticket, since)
            _dismiss(context, ticket)
    signed = _("What you do is signed as {who}.").format(who=text.markdown(context.reader.actor))
    if ticket.state == TicketState.CLOSED:
        signed = _("It is closed and takes comments only; new harm opens a new ticket.") + " " + signed
    st.caption(signed)


def _acknowledge(context: Context, ticket: TicketRow) -> None:
    if not desk.may_become(ticket, TicketState.ACKNOWLEDGED):
        return
    if st.button(
        _("Acknowledge"),
        type="primary",
        icon=":material/back_hand:",
        help=_("Say that you are on it: it is no longer overdue, nothing else changes."),
    ):
        _do(
            context,
            lambda session, who, now: desk.acknowledge(session, ticket.id, actor=who, now=now),
            _("Acknowledged: the others see that somebody is on it."),
        )


def _retrain(context: Context, ticket: TicketRow) -> None:
    """Offer to start a retraining, or to approve the one that waits; nothing where none can be."""
    model = context.project.models.get(ticket.model)
    if model is None or model.retrain is None or not desk.may_become(ticket, TicketState.RETRAINING):
        return
    with context.store.read() as session:
        made = retrainings.retrainings(session, ticket_id=ticket.id)
    waits = [row for row in made if row.state == "asked"]
    if any(row.actor for row in waits):
        return
    label = _("Approve the retraining") if waits else _("Retrain") if not made else _("Retrain again")
    with (
        st.popover(label, icon=":material/model_training:"),
        st.form("retrain", border=False),
    ):
        st.caption(
            _("It starts with the next pass; the version that it makes is proven before this ticket closes.")
        )
        if st.form_submit_button(label, type="primary"):
            _do(
                context,
                lambda session, who, now: retraining.ask(
                    session, context.project, ticket.id, actor=who, now=now
                ),
                _("Asked for: the next pass starts it."),
            )


def _assign(context: Context, ticket: TicketRow) -> None:
    with (
        st.popover(_("Assign"), icon=":material/person_add:"),
        st.form("assign", border=False),
    ):
        name = st.text_input(
            _("Who works on it"),
            value=one_line(ticket.assignee),
            max_chars=200,
            placeholder=_("an e-mail address or a name; empty for nobody"),
        )
        if st.form_submit_button(_("Assign"), type="primary"):
            _do(
                context,
                lambda session, who, now: desk.assign(session, ticket.id, name, actor=who, now=now),
                _("Given to {name}.").format(name=text.markdown(name, limit=80))
                if name.strip()
                else _("Nobody has it now."),
            )


def _comment(context: Context, ticket: TicketRow) -> None:
    with (
        st.popover(_("Comment"), icon=":material/comment:"),
        st.form("comment", border=False, clear_on_submit=True),
    ):
        words = st.text_area(_("Comment"), max_chars=desk.LONGEST)
        if st.form_submit_button(_("Add the comment"), type="primary"):
            _do(
                context,
                lambda session, who, now: desk.comment(session, ticket.id, words, actor=who, now=now),
                _("The comment stands in the trail."),
            )


def _silence(context: Context, ticket: TicketRow) -> None:
    model = context.project.models.get(ticket.model)
    if model is None:
        return
    with context.store.read() as session:
        own = {row.rule for row in desk.alerts_of(session, ticket)}
    titles = {watch.id: _(watch.title) for watch in rules_of(model) if watch.id in own}

    def keep(rule: str, until: datetime, reason: str) -> None:
        _do(
            context,
            lambda session, who, now: desk.silence(
                session, ticket.id, rule=rule, until=until, reason=reason, actor=who, now=now
            ),
            _("Quiet until {until}.").format(until=text.moment(until, context.zone)),
        )

    silence.form("silence", titles, keep, context.now)


def _close(context: Context, ticket: TicketRow) -> None:
    with (
        st.popover(_("Close"), icon=":material/task_alt:"),
        st.form("close", border=False),
    ):
        st.caption(
            _("For what is mended. Refused while one of its alerts fires; on recovery it closes by itself.")
        )
        words = st.text_area(_("What mended it"), max_chars=desk.LONGEST)
        if st.form_submit_button(_("Close the ticket"), type="primary"):
            _do(
                context,
                lambda session, who, now: desk.close(session, ticket.id, text=words, actor=who, now=now),
                _("Closed."),
            )


def _accept(context: Context, ticket: TicketRow, since: datetime) -> None:
    today = context.now.astimezone(context.zone).date()
    with (
        st.popover(_("Accept as the new normal"), icon=":material/moving:"),
        st.form("accept", border=False),
    ):
        st.caption(
            _("The level from this day on counts as normal; the rules measure against it from now on.")
        )
        day = st.date_input(
            _("Normal from"),
            value=min(since.astimezone(context.zone).date(), today),
            max_value=today,
            format="YYYY-MM-DD",
        )
        reason = st.text_area(_("Why it is normal"), max_chars=desk.LONGEST)
        if st.form_submit_button(_("Accept and close"), type="primary"):
            moment = datetime.combine(day, time(), tzinfo=context.zone)
            _do(
                context,
                lambda session, who, now: desk.accept(
                    session, ticket.id, since=moment, reason=reason, actor=who, now=now
                ),
                _("Accepted; the rules start again from this level."),
            )


def _dismiss(context: Context, ticket: TicketRow) -> None:
    with (
        st.popover(_("Dismiss"), icon=":material/do_not_disturb_on:"),
        st.form("dismiss", border=False),
    ):
        why = st.radio(
            _("Why"),
            [reason.value for reason in Dismissal],
            format_func=widgets.resolution_word,
            captions=[
                _("nothing was wrong; counts against the promised rate of false alarms"),
                _("it happened, and everybody knew that it would"),
                _("another ticket is about the same"),
            ],
        )
        words = st.text_area(_("In a few words"), max_chars=desk.LONGEST)
        if st.form_submit_button(_("Dismiss and close"), type="primary"):
            _do(
                context,
                lambda session, who, now: desk.dismiss(
                    session, ticket.id, str(why), text=words, actor=who, now=now
                ),
                _("Dismissed."),
            )


def _do(context: Context, act: Callable[[Session, str, datetime], object], done: str) -> None:
    try:
        with context.store.write() as session:
            act(session, context.reader.actor, context.now)
    except GoalkeeperError as error:
        st.error(text.markdown(error.message), icon=":material/error:")
        if error.hint:
            st.caption(text.markdown(error.hint))
        return
    st.session_state[DONE] = done
    st.rerun()
