"""Judge the goals of a model after its metrics were computed."""

from datetime import datetime

from core.config import Project
from metrics.goals import judge_goal
from store import goals, metrics
from store.database import Store
from store.tables import GoalRow


def judge_goals(*, project: Project, name: str, store: Store, now: datetime) -> int:
    """Judge every goal of one model as of `now`; return how many stand otherwise than before."""
    model, changed = project.models[name], 0
    for goal in model.goals:
        with store.read() as session:
            points = metrics.points(session, name, metric=f"business.{goal.kpi}", grain=model.grain)
        found = judge_goal(goal, points, now=now, zone=project.zone)
        row = GoalRow(
            model=name, kpi=goal.kpi, as_of=now, state=found.state.value, value=found.value,
            lower=found.lower, upper=found.upper, probability=found.probability, forecast=found.forecast,
            needed=found.needed, reason=found.reason,
        )  # fmt: skip
        with store.write() as session:
            changed += goals.save_goal(session, row)
    return changed
