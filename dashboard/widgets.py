"""Small pieces that pages share; every foreign word in them is escaped."""

import html
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import streamlit as st

from core.foreign import one_line
from core.messages import Severity
from core.rules import TicketState
from core.text import gettext as _
from core.values import MetricPoint
from dashboard import charts, text
from dashboard.context import Context
from dashboard.drawing import Drawing
from dashboard.sentences import light_word
from metrics.base import Metric
from reports.export import to_csv
from reports.standing import Light, Standing

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "grey", "primary"]
_SIGNS = {Light.GOOD: "✓", Light.WATCH: "◐", Light.BAD: "✕", Light.UNKNOWN: "?"}
_SEVERITIES: dict[str, tuple[Colour, str]] = {
    Severity.CRITICAL: ("red", ":material/error:"),
    Severity.MAJOR: ("red", ":material/warning:"),
    Severity.MINOR: ("orange", ":material/report:"),
    Severity.NOTICE: ("blue", ":material/info:"),
}


def lights(standing: Standing) -> str:
    """Return the three lights as HTML, by name, word, sign and colour; under them why one is not green."""
    named = (
        (_("Service"), standing.service), (_("Model"), standing.performance), (_("Goal"), standing.goal),
    )  # fmt: skip
    chips = "".join(
        f'<span class="gk-light gk-{signal.light.value}">{_SIGNS[signal.light]} {html.escape(name)}: '
        f"{html.escape(light_word(signal.light))}</span>"
        for name, signal in named
    )
    why = " · ".join(
        f"{name}: {one_line(signal.reason, limit=160).removesuffix('.')}"
        for name, signal in named
        if signal.light is not Light.GOOD and signal.reason
    )
    return f'<p class="gk-lights">{chips}</p>' + (f"<small>{html.escape(why)}</small>" if why else "")


def severity_badge(severity: str) -> None:
    """Show how bad a thing is."""
    colour, icon = _SEVERITIES.get(severity, ("gray", ":material/help:"))
    st.badge(severity_word(severity), icon=icon, color=colour)


def severity_word(severity: str) -> str:
    """Translate a severity."""
    words = {"critical": _("critical"), "major": _("major"), "minor": _("minor"), "notice": _("notice")}
    return words.get(severity, text.markdown(severity))


def ticket_word(state: str) -> str:
    """Translate a ticket's state."""
    words: dict[str, str] = {
        TicketState.OPEN: _("open"),
        TicketState.ACKNOWLEDGED: _("acknowledged"),
        TicketState.RETRAINING: _("retraining"),
        TicketState.VERIFYING: _("verifying"),
        TicketState.UNCONFIRMED: _("unconfirmed"),
        TicketState.CLOSED: _("closed"),
    }
    return words.get(state, one_line(state))


_STATES: dict[str, tuple[Colour, str]] = {
    TicketState.OPEN: ("orange", ":material/radio_button_unchecked:"),
    TicketState.ACKNOWLEDGED: ("blue", ":material/back_hand:"),
    TicketState.RETRAINING: ("violet", ":material/model_training:"),
    TicketState.VERIFYING: ("violet", ":material/fact_check:"),
    TicketState.UNCONFIRMED: ("orange", ":material/help:"),
    TicketState.CLOSED: ("gray", ":material/task_alt:"),
}


def state_badge(state: str, resolution: str = "") -> None:
    """Show where a ticket stands; of a closed one why."""
    colour, icon = _STATES.get(state, ("gray", ":material/help:"))
    word = ticket_word(state)
    if resolution:
        word = f"{word}: {resolution_word(resolution)}"
    st.badge(word, icon=icon, color=colour)


def alert_word(state: str) -> str:
    """Say how an alert stands."""
    words = {
        "ok": _("over"),
        "firing": _("lasts"),
        "unknown": _("not known"),
        "withdrawn": _("withdrawn"),
    }
    return words.get(state, one_line(state))


def resolution_word(resolution: str) -> str:
    """Say why a ticket was closed."""
    words = {
        "verified": _("verified better"),
        "recovered": _("recovered"),
        "accepted": _("accepted as new normal"),
        "dismissed": _("dismissed"),
        "withdrawn": _("withdrawn"),
        "false_alarm": _("false alarm"),
        "known_cause": _("known cause"),
        "duplicate": _("duplicate"),
    }
    return words.get(resolution, one_line(resolution))


def notes(found: Sequence[str]) -> None:
    """Show what was wrong with a link; `found` is escaped markdown."""
    for note in found:
        if note:
            st.warning(note, icon=":material/link_off:")


def empty(title: str, hint: str, command: str = "") -> None:
    """Say that there is nothing to show yet, and the next step."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.markdown(hint)
        if command:
            st.code(command, language=None)


def freshness(moment: datetime | None, context: Context) -> str:
    """Say how old the newest data are."""
    if moment is None:
        return _("no data yet")
    return _("data up to {day} ({ago} ago)").format(
        day=text.until(moment, context.zone), ago=text.span(context.now - moment)
    )


def explain(
    metric: Metric | None, points: Callable[[], Sequence[MetricPoint]], *, name: str, key: str
) -> None:
    """Offer what the chart shows, when it misleads, what to do next, and its numbers as CSV.

    `points` is asked for the numbers only when somebody wants the file.
    """
    with st.expander(_("What is this?"), icon=":material/info:", type="compact"):
        st.markdown("\n\n".join(part for part in (*_told(metric), _next_step(name)) if part))
        st.download_button(
            _("Download CSV"),
            data=lambda: _csv(points()),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            key=f"csv-{key}",
            on_click="ignore",
            type="tertiary",
        )


def _told(metric: Metric | None) -> list[str]:
    """Say as markdown what a metric is; a block of code would have every page load what colours it."""
    if metric is None:
        return [_("A KPI of the project, as its configuration declares it.")]
    formula = _(metric.formula).replace("`", "'")
    return [
        f"**{text.markdown(_(metric.title))}** · {_better(metric.better.value)}",
        f"`` {formula} ``",
        _("When it misleads:") + " " + text.markdown(_(metric.misleads)) if metric.misleads else "",
        _("Source:") + " " + text.markdown(metric.source) if metric.source else "",
    ]


def figure(
    drawing: Drawing, key: str, alt: str, *, clicked: Callable[[Sequence[Any]], None] | None = None
) -> None:
    """Show a figure in the page's theme; `clicked` gets the customdata of a mark that is clicked."""
    if clicked is None:
        st.plotly_chart(drawing.figure, theme="streamlit", config=charts.config(key), key=key, alt=alt)
        return

    def chosen() -> None:
        points = st.session_state[key].selection.points
        if points:
            clicked(points[0]["customdata"])

    st.plotly_chart(
        drawing.figure,
        theme="streamlit",
        config=charts.config(key),
        key=key,
        alt=alt,
        on_select=chosen,
        selection_mode="points",
    )


def _csv(points: Sequence[MetricPoint]) -> bytes:
    header: tuple[str, ...] = (
        "model",
        "metric",
        "version",
        "segment",
        "column",
        "window_start",
        "window_end",
    )
    header += ("value", "lower", "upper", "n", "state", "reason")
    return to_csv(
        header,
        (
            (
                *(p.model, p.metric, p.version, p.segment, p.column, p.window.start, p.window.end),
                *(
                    p.value.value,
                    p.value.lower,
                    p.value.upper,
                    p.value.n,
                    p.value.state.value,
                    p.value.reason,
                ),
            )
            for p in points
        ),
    )


def _better(better: str) -> str:
    return {"higher": _("higher is better"), "lower": _("lower is better")}.get(
        better, _("neither way is better")
    )


def _next_step(name: str) -> str:
    family = name.partition(".")[0]
    return {
        "business": _(
            "**Next:** if it falls, compare segments above and look at performance and quality below."
        ),
        "service": _(
            "**Next:** compare with the releases marked on the chart, then ask whoever runs the service."
        ),
        "performance": _("**Next:** compare versions above; a deep dive (Reports) shows which rows changed."),
        "drift": _("**Next:** look whether performance or the goal moved too; drift alone is only a notice."),
        "quality": _("**Next:** look at Collectors for notes on these days, then ask the log's owner."),
    }.get(family, "")
