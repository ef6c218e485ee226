"""How goals stand, and stood."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import GoalRow

_FACTS = ("state", "value", "lower", "upper", "probability", "forecast", "needed", "reason")


def current_goals(session: Session, model: str | None = None) -> list[GoalRow]:
    """Return how every goal stands now."""
    newest = select(func.max(GoalRow.id)).group_by(GoalRow.model, GoalRow.kpi)
    query = select(GoalRow).where(GoalRow.id.in_(newest)).order_by(GoalRow.model, GoalRow.kpi)
    if model is not None:
        query = query.where(GoalRow.model == model)
    return list(session.scalars(query))


def goal_history(session: Session, model: str, kpi: str) -> list[GoalRow]:
    """Return how a goal stood, oldest first."""
    query = select(GoalRow).where(GoalRow.model == model, GoalRow.kpi == kpi).order_by(GoalRow.id)
    return list(session.scalars(query))


def save_goal(session: Session, row: GoalRow) -> bool:
    """Keep how a goal stands, where that differs from what was known; return whether it does."""
    known = next((one for one in current_goals(session, row.model) if one.kpi == row.kpi), None)
    if known is not None and all(getattr(known, name) == getattr(row, name) for name in _FACTS):
        return False
    session.add(row)
    session.flush()
    return True
