"""Messages of the outbox: which left the house, which did not, and how each looks."""

import re
from datetime import date

import streamlit as st

from core.errors import GoalkeeperError
from core.text import gettext as _
from dashboard import frames, tables, text, widgets
from dashboard.context import Context
from dashboard.tables import Cell
from notify.channels.base import House
from notify.sender import message_id
from store import outbox
from store.tables import OutboxRow

_SHOWN = 100


def listed(context: Context) -> None:
    """Draw the list, the newest first."""
    with context.store.read() as session:
        rows = outbox.messages(session, limit=_SHOWN)[::-1]
    if not rows:
        widgets.empty(
            _("No message yet."),
            _("Tickets and digests send messages to the channels that `channels:` names."),
            "goalkeeper check",
        )
        return
    failed = sum(1 for row in rows if row.state == "failed")
    if failed:
        st.warning(
            _("{n} of the last {all} messages could not be sent; the reason stands beside each.").format(
                n=failed, all=len(rows)
            ),
            icon=":material/mark_email_unread:",
        )
    tables.table(
        [_("Message"), _("Kind"), _("Channel"), _("State"), _("Queued")],
        [
            [
                Cell(text=_subject(context, row), link=f"?message={row.id}", note=row.error),
                _kind(row.kind),
                row.channel,
                _state(row),
                text.moment(row.created_at, context.zone),
            ]
            for row in rows
        ],
        label=_("Messages"),
    )
    if len(rows) == _SHOWN:
        st.caption(_("The last {n} are shown.").format(n=_SHOWN))


def one(context: Context, number: int) -> None:
    """Draw one message as whoever gets it sees it."""
    st.page_link(
        context.pages["reports"],
        label=_("All messages"),
        icon=":material/arrow_back:",
        query_params={"view": "messages"},
    )
    with context.store.read() as session:
        row = outbox.message(session, number)
    if row is None:
        st.title(_("Reports"))
        widgets.empty(
            _("There is no message {id}.").format(id=number), _("It may belong to another project.")
        )
        return
    st.title(text.markdown(_subject(context, row), limit=200))
    raw = _file(context, row)
    body = ""
    if raw is not None:
        body = frames.html_of(frames.read(raw))
    else:
        try:
            from reports.messages import render

            body = frames.html_of_message(render(context.store, row, context.project))
        except GoalkeeperError as error:
            st.warning(text.markdown(error.message), icon=":material/error:")
        except Exception as error:  # whatever keeps it from being written is shown, as the sender keeps it
            st.warning(text.markdown(f"{type(error).__name__}: {error}"), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            " · ".join(
                (
                    _kind(row.kind),
                    _("to {channel}").format(channel=text.markdown(row.channel)),
                    _state(row),
                    text.moment(row.sent_at or row.created_at, context.zone),
                )
            ),
            width="content",
        )
        ticket = row.payload.get("ticket")
        if ticket is not None:
            st.page_link(
                context.pages["tickets"],
                label=_("Ticket {id}").format(id=ticket),
                query_params={"ticket": str(ticket)},
                icon=":material/confirmation_number:",
            )
        if raw is not None:
            st.download_button(
                _("Download .eml"),
                data=raw,
                file_name=f"message-{row.id}.eml",
                mime="message/rfc822",
                icon=":material/download:",
                on_click="ignore",
            )
    if row.error:
        st.error(text.markdown(row.error), icon=":material/error:")
    if (
        row.state == "failed"
        and not context.reader.barred
        and st.button(_("Send again"), icon=":material/forward_to_inbox:")
    ):
        with context.store.write() as session:
            outbox.again(session, row.id, context.now)
        st.rerun()
    if body:
        if raw is None:
            st.caption(_("Written now from its facts; what was sent may have looked otherwise."))
        frames.mail(body, title=_("The message"))


def digest(context: Context) -> None:
    """Draw the digest as it would be sent now."""
    if not context.project.models:
        widgets.empty(_("No model is watched yet."), _("A digest tells of models."), "goalkeeper init")
        return
    if not context.project.digests:
        st.caption(_("No digest is sent: `digests:` in the configuration says to whom and when."))
    st.caption(_("As it would be sent now; nothing is sent."))
    try:
        body = _digest(context, context.mark)
    except GoalkeeperError as error:
        st.error(text.markdown(error.message), icon=":material/error:")
        return
    frames.mail(body, title=_("The digest"))


@st.cache_resource(show_spinner=False, max_entries=4)
def _digest(_context: Context, mark: str) -> str:
    from reports.digest import preview

    return frames.html_of_message(preview(_context.store, _context.project, _context.now))


def _file(context: Context, row: OutboxRow) -> bytes | None:
    """Return the mail as the file channel wrote it, None where it left by another way."""
    mail = message_id(row.key, House.of(context.project))
    name = re.sub(r"[^A-Za-z0-9.\-]", "_", mail)
    try:
        return (context.project.state_dir / "outbox" / f"{name}.eml").read_bytes()
    except OSError:
        return None


def _subject(context: Context, row: OutboxRow) -> str:
    if row.subject:
        return row.subject
    return {
        "digest": _("Digest of {day}").format(day=_day(row)),
        "opened": _("Ticket {id} opened").format(id=row.payload.get("ticket", "")),
        "update": _("Ticket {id}: update").format(id=row.payload.get("ticket", "")),
        "resolved": _("Ticket {id} resolved").format(id=row.payload.get("ticket", "")),
        "summary": _("The past has been read"),
        "test": _("Test"),
    }.get(row.kind, row.kind)


def _kind(kind: str) -> str:
    words = {
        "opened": _("ticket opened"),
        "update": _("update"),
        "step": _("needs a person"),
        "bundle": _("many at once"),
        "resolved": _("resolved"),
        "summary": _("first look"),
        "digest": _("digest"),
        "test": _("test"),
        "dead_man": _("Goalkeeper itself"),
    }
    return words.get(kind, kind)


def _state(row: OutboxRow) -> str:
    words = {
        "queued": _("waiting"),
        "claimed": _("on its way"),
        "sent": _("sent"),
        "failed": _("not sent"),
        "bundled": _("told with others"),
    }
    word = words.get(row.state, row.state)
    return _("{state} after {n} tries").format(state=word, n=row.attempts) if row.attempts > 1 else word


def _day(row: OutboxRow) -> str:
    try:
        return text.date(date.fromisoformat(str(row.payload["day"])))
    except (KeyError, ValueError):
        return ""
