"""What was written: Evidently deep dives, messages as they left the house, the digest as of now."""

import shlex
from datetime import datetime, time, timedelta
from pathlib import Path

import streamlit as st

from core.errors import GoalkeeperError
from core.foreign import one_line
from core.text import N_
from core.text import gettext as _
from dashboard import frames, links, messages, text, widgets, work
from dashboard.context import Context, Group, Page
from dashboard.tables import Cell, table
from store import reports
from store.tables import ReportRow, RequestRow

PAGE = Page(title=N_("Reports"), icon=":material/description:", order=31, group=Group.WORK)
_VIEWS = ("deep_dives", "messages", "digest")
_SHOWN = 100
_FRAME = 1100


def render(context: Context) -> None:
    """Draw the page."""
    report, note = links.pick_number(st.query_params, "report")
    if report is not None:
        _one(context, report)
        return
    message, other = links.pick_number(st.query_params, "message")
    if message is not None:
        messages.one(context, message)
        return
    st.title(_("Reports"))
    view = links.pick(st.query_params, "view", _VIEWS, "deep_dives")
    widgets.notes([note, other, view.note])
    words = {"deep_dives": _("Deep dives"), "messages": _("Messages"), "digest": _("Digest as of now")}
    st.segmented_control(
        _("Show"),
        _VIEWS,
        key=links.bound("view", view.value),
        format_func=lambda one: words[one],
        on_change=links.write,
        args=("view",),
        label_visibility="collapsed",
    )
    if view.value == "messages":
        messages.listed(context)
    elif view.value == "digest":
        messages.digest(context)
    else:
        _deep_dives(context)


def _deep_dives(context: Context) -> None:
    st.markdown(
        _(
            "A deep dive compares the rows of some days with the reference, column by column, by Evidently:"
            " drift, summary and, where outcomes are known, performance. It reads a sample of raw rows."
        )
    )
    if context.project.models:
        _ask(context)
    work.progress(context, "deep_dive", lambda row: _asked_for(context, row))
    with context.store.read() as session:
        rows = reports.reports(session, kind="deep_dive")[:_SHOWN]
    if not rows:
        widgets.empty(_("No deep dive yet."), _("Ask for one above."))
        return
    table(
        [_("Report"), _("Rows"), _("Made"), _("Asked by")],
        [
            [
                Cell(text=row.title, link=f"?report={row.id}"),
                f"{row.rows:,}",
                text.moment(row.created_at, context.zone),
                row.actor,
            ]
            for row in rows
        ],
        figures=(1,),
        label=_("Deep dives"),
    )


def _ask(context: Context) -> None:
    if context.reader.barred:
        st.caption(context.reader.barred)
        return
    models = {name: one for name, one in context.project.models.items() if one.raw_rows != "deny"}
    if not models:
        st.caption(_("Every model says `raw_rows: deny`: rows never leave their database, so there is none."))
        return
    today = context.now.astimezone(context.zone).date()
    span, note = links.Range(first=today - timedelta(days=7), last=today - timedelta(days=1)), ""
    if "from" in st.query_params:
        span, note = links.pick_range(st.query_params, today)
    widgets.notes([note])
    asked = links.pick(st.query_params, "model", list(models), next(iter(models)))
    with st.form("deep-dive"), st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            _("Model"),
            list(models),
            index=list(models).index(asked.value),
            format_func=lambda one: one_line(models[one].shown_title),
            width=260,
        )
        days = st.date_input(
            _("Days"),
            value=(min(span.first, today), min(span.last, today)),
            max_value=today,
            format="YYYY-MM-DD",
            width=260,
        )
        sent = st.form_submit_button(_("Ask for a deep dive"), type="primary", icon=":material/query_stats:")
    if isinstance(days, tuple) and len(days) == 2:
        start = datetime.combine(days[0], time(), tzinfo=context.zone)
        end = datetime.combine(days[1] + timedelta(days=1), time(), tzinfo=context.zone)
        work.nobody(
            context,
            f"goalkeeper report deep-dive --config {shlex.quote(str(context.project.path))}"
            f" --model {shlex.quote(model)} --from {start:%Y-%m-%d} --to {end:%Y-%m-%d}",
        )
        if sent:
            arguments = {"model": model, "start": start.isoformat(), "end": end.isoformat()}
            work.ask(context, "deep_dive", arguments)
            st.toast(_("Asked for; it takes about a minute."), icon=":material/hourglass:")
    elif sent:
        st.error(_("Choose a first and a last day."))


def _asked_for(context: Context, row: RequestRow) -> str:
    name = str(row.arguments.get("model", ""))
    model = context.project.models.get(name)
    title = text.markdown(model.shown_title if model else name, limit=60)
    try:
        start = datetime.fromisoformat(str(row.arguments["start"]))
        end = datetime.fromisoformat(str(row.arguments["end"])) - timedelta(seconds=1)
    except (KeyError, ValueError):
        return title
    return _("Deep dive {title}, {first} to {last}").format(
        title=title, first=text.day(start, context.zone), last=text.day(end, context.zone)
    )


def _one(context: Context, report: int) -> None:
    st.page_link(context.pages["reports"], label=_("All reports"), icon=":material/arrow_back:")
    with context.store.read() as session:
        row = reports.report(session, report)
    if row is None:
        st.title(_("Reports"))
        widgets.empty(_("There is no report {id}.").format(id=report), _("It may belong to another project."))
        return
    st.title(text.markdown(row.title, limit=160))
    try:
        body = _file(context, row).read_text(encoding="utf-8")
    except (OSError, GoalkeeperError):
        widgets.empty(
            _("The report's file is gone: {path}.").format(path=text.markdown(row.path)),
            _("Ask for it again; the state folder belongs into every backup."),
        )
        return
    made = _("made {when} for {who}").format(
        when=text.moment(row.created_at, context.zone), who=text.markdown(row.actor)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{made} · {len(body.encode()) / 1e6:.1f} MB", width="content")
        st.download_button(
            _("Download HTML"),
            data=body,
            file_name=Path(row.path).name,
            mime="text/html",
            icon=":material/download:",
            on_click="ignore",
        )
    frames.report(body, height=_FRAME, title=_("Deep dive"))


def _file(context: Context, row: ReportRow) -> Path:
    """Return where a report lies; never outside the state folder."""
    folder = context.project.state_dir.resolve()
    path = (folder / row.path).resolve()
    if not path.is_relative_to(folder):
        raise GoalkeeperError(_("The report lies outside the state folder."))
    return path
