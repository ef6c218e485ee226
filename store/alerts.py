"""Alerts, every change of their state, and the newest answer of each rule."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.orm import Session

from core.rules import AlertKey, AlertState, RuleState
from store.tables import AlertChangeRow, AlertRow, RuleStateRow


def alerts(session: Session, model: str | None = None) -> list[AlertRow]:
    """Return alerts, the earliest first."""
    query = select(AlertRow).order_by(AlertRow.since, AlertRow.id)
    if model is not None:
        query = query.where(AlertRow.model == model)
    return list(session.scalars(query))


def changes(session: Session, alert_id: int) -> list[AlertChangeRow]:
    """Return every change of an alert's state, in order."""
    query = select(AlertChangeRow).where(AlertChangeRow.alert_id == alert_id).order_by(AlertChangeRow.id)
    return list(session.scalars(query))


def raise_alert(
    session: Session, key: AlertKey, *, since: datetime, severity: str, reason: str,
    evidence: Mapping[str, Any], now: datetime,
) -> AlertRow:  # fmt: skip
    """Add a new alert, firing since the start of its first bad window; it gets its id with the next flush."""
    row = AlertRow(
        model=key.model, rule=key.rule, version=key.version, segment=key.segment, column=key.column,
        since=since, until=None, state=AlertState.FIRING.value, severity=str(severity), reason=reason,
        evidence=dict(evidence), incident_id=None, raised_at=now, updated_at=now,
    )  # fmt: skip
    _note(session, row, now, reason)
    return row


def change_alert(
    session: Session, row: AlertRow, state: AlertState, *, now: datetime, reason: str, until: datetime | None
) -> None:
    """Change an alert's state; the change is a row of its own."""
    row.state, row.reason, row.until, row.updated_at = state.value, reason, until, now
    _note(session, row, now, reason)


def join_incident(row: AlertRow, incident_id: int) -> None:
    """Put an alert into an incident."""
    row.incident_id = incident_id


def rule_states(session: Session, model: str | None = None) -> list[RuleStateRow]:
    """Return the newest answer of each rule on each key."""
    query = select(RuleStateRow).order_by(
        RuleStateRow.model, RuleStateRow.rule, RuleStateRow.version, RuleStateRow.segment, RuleStateRow.column
    )
    if model is not None:
        query = query.where(RuleStateRow.model == model)
    return list(session.scalars(query))


def answers(session: Session, model: str | None = None) -> Sequence[Row[Any]]:
    """Return model, rule, state, severity and reason of each rule's newest answer, in order of their keys."""
    row = RuleStateRow
    query = select(row.model, row.rule, row.state, row.severity, row.reason)
    query = query.order_by(row.model, row.rule, row.version, row.segment, row.column)
    return list(session.execute(query if model is None else query.where(row.model == model)))


def save_rule_states(
    session: Session, states: Iterable[RuleState], evidence: Mapping[AlertKey, Mapping[str, Any]]
) -> None:
    """Put the answers of a model's rules in place of the earlier ones; only what differs is written."""
    wanted = {state.key: _facts(state, evidence.get(state.key, {})) for state in states}
    for model in sorted({key.model for key in wanted}):
        known = {_key(row): row for row in rule_states(session, model)}
        for key, row in known.items():
            facts = wanted.get(key)
            if facts is None:
                session.delete(row)
            elif any(getattr(row, name) != value for name, value in facts.items()):
                for name, value in facts.items():
                    setattr(row, name, value)
        session.flush()
        new = [
            _place(key) | facts for key, facts in wanted.items() if key.model == model and key not in known
        ]
        if new:
            session.execute(insert(RuleStateRow), new)


def forget_rule_states(session: Session, model: str) -> None:
    """Forget the answers of a model's rules."""
    session.execute(delete(RuleStateRow).where(RuleStateRow.model == model))


def _note(session: Session, row: AlertRow, now: datetime, reason: str) -> None:
    session.add(AlertChangeRow(alert=row, state=row.state, as_of=now, reason=reason))


def _facts(state: RuleState, evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": state.state.value,
        "severity": state.severity.value,
        "since": state.since,
        "as_of": state.as_of,
        "reason": state.reason,
        "evidence": dict(evidence),
    }


def _place(key: AlertKey) -> dict[str, Any]:
    return {
        "model": key.model, "rule": key.rule, "version": key.version, "segment": key.segment,
        "column": key.column,
    }  # fmt: skip


def _key(row: RuleStateRow) -> AlertKey:
    return AlertKey(
        model=row.model, rule=row.rule, version=row.version, segment=row.segment, column=row.column
    )
