"""What each rule watches, how it stands, and what it would have done with another knob."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from alerts.backtest import Backtest, Replayed
from alerts.defaults import Watch, rules_of
from core.config import Model
from core.rules import AlertState
from core.text import N_, ngettext
from core.text import gettext as _
from dashboard import data, links, silence, tables, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.data import RuleAnswer
from dashboard.tables import Cell
from dashboard.view import choice, model_of
from store import silences

PAGE = Page(title=N_("Rules"), icon=":material/rule:", order=30, group=Group.WORK, of_model=True)
KNOBS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "sequential": (
        "threshold",
        N_("Windows between two false alarms"),
        (100, 200, 500, 1000, 2000, 5000, 10_000, 50_000),
    ),
    "relative": ("sigmas", N_("Standard deviations"), (2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 8)),
}
"""By kind: the option that trades false alarms for delay, in words, and what the slider offers."""
ANY_KIND = ("for", N_("Windows in a row"), (1, 2, 3, 4, 5, 7, 10, 14))
_MOST = 30
_ORDER = (AlertState.FIRING, AlertState.UNKNOWN, AlertState.OK, AlertState.WITHDRAWN)


def render(context: Context) -> None:
    """Draw the page."""
    st.title(_("Rules"))
    model, note = model_of(context)
    if model is None:
        return
    widgets.notes([note])
    models = context.project.models
    if len(models) > 1:
        titles = {name: one.shown_title for name, one in models.items()}
        choice("model", _("Model"), model.name, list(models), "", titles)
    watches = rules_of(model)
    answers = data.rule_answers(context, model.name)
    _quiet(context, model, watches)
    _table(watches, answers)
    if not answers:
        st.caption(_("Nothing has been judged yet: `goalkeeper collect` does it."))
        return
    _backtest(context, model, watches)


def _quiet(context: Context, model: Model, watches: Sequence[Watch]) -> None:
    """Show what is kept quiet, and offer to keep a rule so."""
    titles = {watch.id: _(watch.title) for watch in watches}
    silence.listed(context, model.name, titles)
    if context.reader.barred:
        return

    def keep(rule: str, until: datetime, reason: str) -> None:
        with context.store.write() as session:
            silences.add(
                session, model=model.name, rule=rule, segment="", until=until, reason=reason,
                actor=context.reader.actor, now=context.now,
            )  # fmt: skip
        st.rerun()

    silence.form("silence", titles, keep, context.now)


def _table(watches: Sequence[Watch], answers: Sequence[RuleAnswer]) -> None:
    own = defaultdict[str, list[RuleAnswer]](list)
    for answer in answers:
        own[answer.rule].append(answer)
    tables.table(
        [_("watches"), _("state"), _("severity"), _("why")],
        [
            [
                Cell(text=_(watch.title), note=watch.id),
                _("muted") if watch.muted else _state(own[watch.id]),
                widgets.severity_word(watch.severity), _why(own[watch.id]),
            ]
            for watch in watches
        ],
        label=_("Rules"),
    )  # fmt: skip


def _state(answers: Sequence[RuleAnswer]) -> str:
    """Say how a rule stands; of several columns or segments, how many."""
    if not answers:
        return _("nothing to judge yet")
    worst = min((answer.state for answer in answers), key=_ORDER.index)
    words = {
        AlertState.OK: _("calm"), AlertState.FIRING: _("firing"), AlertState.UNKNOWN: _("not known"),
        AlertState.WITHDRAWN: _("withdrawn"),
    }  # fmt: skip
    word = words[worst]
    if len(answers) == 1:
        return word
    count = sum(answer.state is worst for answer in answers)
    return _("{state}: {n} of {all}").format(state=word, n=count, all=len(answers))


def _why(answers: Sequence[RuleAnswer]) -> str:
    told = sorted((one for one in answers if one.reason), key=lambda one: _ORDER.index(one.state))
    return told[0].reason if told else ""


def _backtest(context: Context, model: Model, watches: Sequence[Watch]) -> None:
    st.header(_("What if"), anchor="backtest")
    st.markdown(
        _("A rule over everything that is stored, with another knob. Nothing is written, nobody is told.")
    )
    names = [watch.id for watch in watches]
    picked = links.pick(st.query_params, "rule", ["", *names], "")
    widgets.notes([picked.note])
    titles = {watch.id: _(watch.title) for watch in watches}
    if not picked.value:
        choice("rule", _("Rule"), "", ["", *names], _("choose a rule"), titles, width=320)
        return
    watch = next(one for one in watches if one.id == picked.value)
    option, label, values = KNOBS.get(watch.kind, ANY_KIND)
    declared = watch.options.model_dump(by_alias=True, exclude_none=True).get(option)
    now = float(declared) if isinstance(declared, int | float) else None
    offered = sorted({*values, *([now] if now is not None else [])})
    asked = links.pick(st.query_params, "with", [f"{one:g}" for one in offered], f"{now or offered[0]:g}")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large", key="knob"):
        choice("rule", _("Rule"), watch.id, ["", *names], _("choose a rule"), titles, width=320)
        st.select_slider(
            _(label),
            [f"{one:g}" for one in offered],
            key=links.bound("with", asked.value),
            on_change=links.write,
            args=("with",),
            width=420,
        )
    found = data.replayed(context, model.name, watch.id, option, float(asked.value))
    if isinstance(found, str):
        st.info(text.markdown(found), icon=":material/info:")
        return
    _outcome(context, found, data.replayed(context, model.name, watch.id, "", 0.0))
    if now is not None and float(asked.value) != now:
        st.code(f"rules: {{{watch.id}: {{{option}: {asked.value}}}}}", language="yaml")
        st.caption(_("Written below the model in goalkeeper.yaml, this takes effect with the next pass."))


def _outcome(context: Context, found: Backtest, usual: Backtest | str) -> None:
    raised = [alert for alert in found.alerts if not alert.good]
    said = ngettext("**{n} alert** in {windows} windows", "**{n} alerts** in {windows} windows", len(raised))
    line = said.format(n=len(raised), windows=f"{found.windows:,}")
    if isinstance(usual, Backtest):
        line += "; " + _("as it stands now: {n}").format(n=sum(not alert.good for alert in usual.alerts))
    st.markdown(line + ".")
    for missed in found.missed[:_MOST]:
        st.markdown(_("Not seen: {incident}").format(incident=text.markdown(missed)))
    if not raised:
        st.caption(_("It would have kept quiet."))
        return
    tables.table(
        [_("since"), _("told"), _("until"), _("where"), _("what")],
        [_row(context, alert) for alert in raised[-_MOST:][::-1]],
        label=_("What if"),
    )


def _row(context: Context, alert: Replayed) -> list[str]:
    zone = context.zone
    return [
        text.moment(alert.since, zone), text.moment(alert.told, zone),
        _("lasts") if alert.until is None else text.until(alert.until, zone),
        " ".join(filter(None, (alert.column, alert.segment))), alert.reason,
    ]  # fmt: skip
