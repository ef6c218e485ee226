"""How collecting goes: the last passes, how old the data are, what could not be read, which windows lack."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from sqlalchemy import Row

from core.config import Schedule
from core.config.model import Model
from core.foreign import one_line
from core.text import N_, ngettext
from core.text import gettext as _
from core.windows import Grain, windows_between
from dashboard import links, text, widgets, work
from dashboard.context import Context, Group, Page
from dashboard.tables import Cell, facts, table
from store.heartbeats import PASS, WORKER, last_beat
from store.quarantine import quarantined
from store.requests import requests
from store.runs import newest_runs, runs
from store.slices import unreadable
from store.tables import QuarantineRow, RequestRow, RunRow, SliceRow
from store.windows import collected, newest

PAGE = Page(title=N_("Collectors"), icon=":material/sync:", order=32, group=Group.WORK)
_RUNS, _NOTES, _DAYS = 20, 40, 400


@dataclass(frozen=True, kw_only=True)
class State:
    """How collecting of one model goes; its windows are those of the last 400 days."""

    runs: Sequence[RunRow]
    windows: Sequence[Row[Any]]
    bad: Sequence[SliceRow]
    strange: Sequence[QuarantineRow]

    @property
    def newest(self) -> datetime | None:
        """Return the end of the newest window with data."""
        return max((row.end for row in self.windows if row.state == "ok"), default=None)


def render(context: Context) -> None:
    """Draw the page."""
    st.title(_("Collectors"))
    models = context.project.models
    if not models:
        widgets.empty(
            _("No model is watched yet."),
            _("Name one in the configuration."),
            "goalkeeper init --from log.parquet",
        )
        return
    picked = links.pick(st.query_params, "model", ["", *models], "")
    widgets.notes([picked.note])
    if len(models) > 1:
        st.selectbox(
            _("Model"),
            ["", *models],
            key=links.bound("model", picked.value),
            format_func=lambda one: one_line(models[one].shown_title) if one else _("every model"),
            on_change=links.write,
            args=("model",),
            width=280,
        )
    _pulse(context)
    _ask(context, picked.value)
    if picked.value or len(models) == 1:
        _model(context, models[picked.value or next(iter(models))])
    else:
        _models(context)


def _models(context: Context) -> None:
    """List every model with its last pass, the failed and the oldest data first."""
    models = context.project.models
    with context.store.read() as session:
        last = newest_runs(session)
        fresh = newest(session, {name: model.grain for name, model in models.items()}, context.now)
    words = {"running": _("not ended"), "done": _("done"), "failed": _("failed")}

    def order(name: str) -> tuple[bool, float, str]:
        seen = fresh.get(name)
        run = last.get(name)
        return (run is None or run.state != "failed", seen.timestamp() if seen else 0.0, name)

    rows: list[list[str | Cell]] = []
    for name in sorted(models, key=order):
        run = last.get(name)
        link = f"collectors?{urlencode({'model': name})}"
        title = Cell(text=models[name].shown_title, link=link)
        state = words.get(run.state, run.state) if run else _("never collected")
        age = _lag(context, fresh.get(name)) if name in fresh else ""
        rows.append(
            [
                title, Cell(text=state, note=one_line(run.error, limit=120) if run else ""),
                Cell(text=text.until(fresh.get(name), context.zone), note=age),
                text.moment(run.now, context.zone) if run else "—",
            ]
        )  # fmt: skip
    table([_("Model"), _("Last pass"), _("Newest data"), _("As of")], rows, label=_("Collectors"))


def _pulse(context: Context) -> None:
    """Say when a pass last ended and whether a worker is alive."""
    with context.store.read() as session:
        last, worker = last_beat(session, PASS), last_beat(session, WORKER)
    never = _("never; `goalkeeper serve` or cron with `goalkeeper collect` does it").replace("`", "")

    def said(moment: datetime | None) -> str:
        if moment is None:
            return never
        ago = text.span(context.clock - moment)
        return _("{when} ({ago} ago)").format(when=text.moment(moment, context.zone), ago=ago)

    if context.demo:
        st.caption(_("The demo was replayed once; nothing collects here by itself."))
        return
    with st.container(border=True):
        facts(
            [
                (_("Last full pass"), said(last)),
                (_("Last sign of work"), said(worker)),
                (_("Schedule"), _times(context.project.schedule.collect)),
            ]
        )


def _ask(context: Context, model: str) -> None:
    if context.reader.barred:
        st.caption(context.reader.barred)
        return
    command = f"goalkeeper collect --config {shlex.quote(str(context.project.path))}"
    if model:
        command += f" --model {shlex.quote(model)}"
    if st.button(_("Collect now"), icon=":material/sync:", disabled=context.demo):
        work.ask(context, "collect", {"model": model} if model else {})
        st.toast(_("Asked for."), icon=":material/hourglass:")
    if not context.demo:
        work.nobody(context, command)
        work.progress(context, "collect", lambda row: _asked_for(context, row))
        with context.store.read() as session:
            newest = next((row for row in requests(session, limit=20) if row.kind == "collect"), None)
        if newest is not None and newest.state == "done":
            st.caption(
                _("Last asked for {when}: {windows} windows, {points} values.").format(
                    when=text.moment(newest.updated_at, context.zone),
                    windows=newest.result.get("windows", 0),
                    points=newest.result.get("points", 0),
                )
            )


def _asked_for(context: Context, row: RequestRow) -> str:
    name = str(row.arguments.get("model", ""))
    model = context.project.models.get(name)
    return _("Collecting {title}").format(
        title=text.markdown(model.shown_title if model else _("every model"), limit=60)
    )


def _state(context: Context, model: Model) -> State:
    with context.store.read() as session:
        return State(
            runs=runs(session, model.name, limit=_RUNS),
            windows=collected(session, model.name, model.grain, context.now - timedelta(days=_DAYS)),
            bad=unreadable(session, model.name),
            strange=quarantined(session, model.name)[:_NOTES],
        )


def _model(context: Context, model: Model) -> None:
    state = _state(context, model)
    st.header(text.markdown(model.shown_title, limit=80), anchor=False)
    if not state.runs:
        widgets.empty(
            _("Nothing was collected of it yet."),
            _("One pass opens its sources and sums up every window that there is."),
            f"goalkeeper collect --model {shlex.quote(model.name)}",
        )
        return
    last = state.runs[0]
    if last.state == "failed":
        st.error(
            _("The last pass failed: {error}").format(error=text.markdown(last.error)),
            icon=":material/error:",
        )
        if last.hint:
            st.caption(text.markdown(last.hint))
    gaps = _gaps(context, model, state)
    bad = sum(1 for run in state.runs if run.state == "failed")
    with st.container(horizontal=True, gap="medium", key=f"numbers-{model.name}"):
        _number(_("Newest data"), text.until(state.newest, context.zone), _lag(context, state.newest))
        windows = _("{each}, in {n} days").format(each=_each(model.grain), n=_DAYS)
        _number(_("Windows"), f"{len(state.windows):,}", windows)
        _number(_("Failed passes"), f"{bad}", _("of the last {n}").format(n=len(state.runs)))
        _number(_("Gaps"), f"{sum(gap.windows for gap in gaps)}", _("days without rows"))
        _number(_("Unreadable parts"), f"{len(state.bad)}", _("files or days"))
    if gaps:
        st.subheader(_("Windows of which nothing is known"))
        rows = [[_shown(gap, context), gap.reason] for gap in gaps[:_NOTES]]
        table([_("Window"), _("Why")], rows, label=_("Gaps"))
    if state.bad:
        st.subheader(_("What cannot be read"))
        table(
            [_("Part"), _("Of"), _("Error"), _("Seen")],
            [
                [
                    row.name.rpartition("/")[2],
                    _source(row.source),
                    row.error,
                    text.moment(row.seen_at, context.zone),
                ]
                for row in state.bad[:_NOTES]
            ],
            label=_("Unreadable parts"),
        )
    if state.strange:
        st.subheader(_("Rows that do not fit"))
        table(
            [_("Reason"), _("Of"), _("Rows"), _("Window"), _("Seen")],
            [
                [
                    row.reason,
                    _source(row.source),
                    f"{row.count:,}",
                    text.moment(row.window_start, context.zone),
                    text.moment(row.seen_at, context.zone),
                ]
                for row in state.strange
            ],
            figures=(2,),
            label=_("Quarantine"),
        )
    _noted(context, state)
    with st.expander(
        _("Last passes"), expanded=not (gaps or state.bad or state.strange), icon=":material/history:"
    ):
        _passes(context, state.runs)


def _number(label: str, value: str, detail: str) -> None:
    with st.container(width=150, gap=None):
        st.caption(label)
        st.markdown(f"**{value}**")
        st.caption(detail)


def _times(schedule: Schedule) -> str:
    if schedule.at is not None:
        return _("every day at {time}").format(time=f"{schedule.at:%H:%M}")
    return _("once in {length}").format(length=text.span(schedule.interval))


def _each(grain: Grain) -> str:
    return {
        Grain.HOUR: _("one an hour"),
        Grain.DAY: _("one a day"),
        Grain.WEEK: _("one a week"),
        Grain.MONTH: _("one a month"),
    }[grain]


def _lag(context: Context, newest: datetime | None) -> str:
    return "" if newest is None else _("{ago} ago").format(ago=text.span(context.now - newest))


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Windows in a row that hold nothing, for one reason."""

    since: datetime
    until: datetime
    windows: int
    reason: str


def _gaps(context: Context, model: Model, state: State) -> list[Gap]:
    """Return the closed windows between the first and now that hold nothing, with the reason."""
    if not state.windows:
        return []
    known = {row.start: row for row in state.windows}
    found: list[Gap] = []
    for window in windows_between(min(known), context.now, model.grain, context.zone):
        if window.is_open(context.now, model.settle_of(model.grain)):
            continue
        row = known.get(window.start)
        if row is None or (row.state == "ok" and row.notes.get("empty")):
            reason = _("the log holds no row")
        elif row.state != "ok":
            reason = row.reason or _("could not be collected")
        else:
            continue
        last = found[-1] if found else None
        if last is not None and (last.until, last.reason) == (window.start, reason):
            found[-1] = replace(last, until=window.end, windows=last.windows + 1)
        else:
            found.append(Gap(since=window.start, until=window.end, windows=1, reason=reason))
    return found[::-1]


def _shown(gap: Gap, context: Context) -> str:
    if gap.windows == 1:
        return text.moment(gap.since, context.zone)
    count = ngettext("{n} window", "{n} windows", gap.windows).format(n=gap.windows)
    return f"{text.days(gap.since, gap.until, context.zone)} · {count}"


def _noted(context: Context, state: State) -> None:
    rows = [
        [text.moment(row.start, context.zone), said]
        for row in reversed(state.windows)
        if (said := _said(row.notes))
    ]
    if not rows:
        return
    count = ngettext("{n} window with notes", "{n} windows with notes", len(rows)).format(n=len(rows))
    with st.expander(count, icon=":material/sticky_note_2:"):
        table([_("Window"), _("What was found")], rows[:_NOTES], label=_("Notes"))


def _said(notes: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for name, found in notes.items():
        if name == "empty":
            continue
        if name == "invalid":
            parts += [
                _("{column}: {n} values cannot be read").format(column=key, n=n) for key, n in found.items()
            ]
        elif name == "unknown_labels":
            parts.append(_("{n} labels are none of the classes").format(n=found))
        elif name == "duplicates":
            parts.append(_("{n} repeated ids").format(n=found))
        elif name == "refused":
            parts.append(_("{n} records do not fit").format(n=found))
        elif isinstance(found, Mapping):
            parts += (
                [str(one) for one in found.values()]
                if name != "odd"
                else [f"{key}: {n}" for key, n in found.items()]
            )
        else:
            parts.append(f"{name}: {found}")
    return "; ".join(parts)


def _passes(context: Context, found: Sequence[RunRow]) -> None:
    words = {"running": _("not ended"), "done": _("done"), "failed": _("failed")}
    table(
        [_("As of"), _("State"), _("Windows"), _("Rows"), _("Values"), _("Took"), _("Error")],
        [
            [
                text.moment(row.now, context.zone),
                words.get(row.state, row.state),
                f"{row.windows:,}",
                f"{row.rows:,}",
                f"{row.points:,}",
                _took(row),
                row.error,
            ]
            for row in found
        ],
        figures=(2, 3, 4, 5),
        label=_("Passes of the collector"),
    )


def _took(row: RunRow) -> str:
    if row.finished_at is None:
        return "—"
    seconds = (row.finished_at - row.started_at).total_seconds()
    return (
        text.span(row.finished_at - row.started_at)
        if seconds >= 120
        else _("{n} s").format(n=f"{seconds:.1f}")
    )


def _source(source: str) -> str:
    words = {
        "predictions": _("prediction log"),
        "ground_truth": _("ground truth"),
        "reference": _("reference"),
    }
    return words.get(source, source)
