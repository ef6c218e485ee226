"""Evaluate a model's rules: judge, keep the book of alerts, open and close tickets, queue messages.

Everything is derived from the stored values and `now`; alerts, tickets and messages are written in one
transaction, only where they differ from what is stored, so the same data and the same `now` write nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts import baseline, traces
from alerts.book import Book, Entry
from alerts.defaults import Watch, rules_of
from alerts.desk import Desk
from alerts.findings import finding_of, severity_of, span_of
from alerts.mark import firing_under, keep, mark_of, unjudged_from
from alerts.reading import read_known
from alerts.series import Judged, Known, frontiers, is_live, judge_all
from alerts.timeline import Episode
from core.config import Project
from core.rules import AlertKey, RuleState
from core.text import gettext as _
from core.text import language
from store import alerts, silences
from store.database import Store
from store.tables import SilenceRow


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """What one evaluation found and did; `firing` counts alerts of harm that last."""

    firing: int = 0
    raised: int = 0
    recovered: int = 0
    withdrawn: int = 0
    tickets_opened: int = 0
    tickets_closed: int = 0
    messages: int = 0


def evaluate(*, store: Store, project: Project, model_name: str, now: datetime) -> EvaluateResult:
    """Evaluate all rules of one model as of `now`; nothing to do where nothing it reads has changed.

    Raises:
        GoalkeeperError: a rule in the file does not fit.
    """
    model = project.models[model_name]
    watches = rules_of(model)
    with language(project.language):
        with store.read() as session:
            mark = mark_of(session, project, model, watches, now)
            firing = firing_under(session, model_name, mark)
            if firing is not None:
                return EvaluateResult(firing=firing)
            since = unjudged_from(session, model, watches, mark)
            known = read_known(session, project, model, watches, now, since)
        judged = judge_all(known, watches)
        with store.write() as session:
            result = _write(session, project, known, watches, judged)
            baseline.keep(session, model_name, known.baseline)
            traces.keep(session, model_name, known.traces)
            keep(session, model, mark, result.firing)
    return result


def _write(
    session: Session, project: Project, known: Known, watches: Sequence[Watch], judged: Sequence[Judged]
) -> EvaluateResult:
    name, now = known.model.name, known.now
    first_pass = not alerts.rule_states(session, name)
    quiet = silences.active(session, name, now)
    entries = [
        _entry(one, episode, quiet)
        for one in judged
        for episode in one.line.episodes
        if one.watch.tells_good or not episode.good
    ]
    book = Book.open(session, name, now)
    span = span_of(judged)
    watched = frozenset(watch.id for watch in watches if not watch.muted)
    book.write(entries, watched, span[0] if span else None)
    alerts.save_rule_states(session, [_rule_state(one, now) for one in judged], _frozen(judged))
    frontier = frontiers(judged)
    live = {one.key for one in judged if one.line.current is not None and is_live(one, known, frontier)}
    desk = Desk.open(session, project, known, judged, book)
    desk.close_what_is_over()
    desk.open_what_lasts([entry for entry in entries if entry.lasts and entry.key in live])
    if first_pass:
        desk.tell_of_the_past(entries, span)
    else:
        desk.tell()
    firing = sum(entry.lasts and not entry.finding.good for entry in entries)
    return EvaluateResult(
        firing=firing,
        raised=book.raised,
        recovered=book.recovered,
        withdrawn=book.withdrawn,
        tickets_opened=len(desk.opened),
        tickets_closed=len(desk.closed),
        messages=desk.messages,
    )


def _entry(judged: Judged, episode: Episode, quiet: Sequence[SilenceRow]) -> Entry:
    silenced = any(is_silenced(judged, row) for row in quiet)
    return Entry(
        key=judged.key,
        family=judged.watch.family,
        asks=judged.watch.asks,
        episode=episode,
        finding=finding_of(judged, episode, silenced=silenced and episode.over is None),
        only_with=judged.watch.only_with,
    )


def is_silenced(judged: Judged, row: SilenceRow) -> bool:
    """Tell whether a silence covers a rule on a key; '' means any."""
    key = judged.key
    return row.rule in ("", key.rule) and row.segment in ("", key.segment)


def _rule_state(judged: Judged, now: datetime) -> RuleState:
    current = judged.line.current
    newest = judged.line.newest
    good = current is not None and current.good and judged.watch.tells_good
    told = _("Better than normal: {reason}").format(reason=judged.line.reason) if good else judged.line.reason
    return RuleState(
        key=judged.key,
        state=judged.line.state,
        severity=severity_of(judged, current) if current is not None else judged.watch.severity,
        since=current.since if current is not None else None,
        as_of=newest.window.end if newest is not None else now,
        reason=told,
    )


def _frozen(judged: Sequence[Judged]) -> Mapping[AlertKey, Mapping[str, Any]]:
    return {
        one.key: finding_of(one, one.line.current).model_dump(mode="json")
        for one in judged
        if one.line.current is not None
    }
