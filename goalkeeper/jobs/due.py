"""Derive from the store which models the scheduler has to pass over, whoever passed over them last."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.config import Project, Schedule, configuration_hash
from goalkeeper import __version__
from store.database import Store
from store.runs import newest_run

SCHEDULER = "scheduler"
"""Who begins the passes that the schedule asks for."""
OFTEN = timedelta(seconds=30)


def ticks_of(schedule: Schedule) -> timedelta:
    """Return how often to look for what is due."""
    return min(OFTEN, schedule.interval / 4)


def due_models(project: Project, store: Store, at: datetime) -> tuple[str, ...]:
    """Return the models that a pass is due for."""
    with store.read() as session:
        return tuple(name for name in project.models if is_due(session, project, name, at))


def is_due(session: Session, project: Project, name: str, at: datetime) -> bool:
    """Tell whether the schedule asks for a pass over a model at `at`.

    It does as well where the newest one never ended (who made it died, or another works on it, which its
    lease tells) or was made with another configuration or program.
    """
    newest = newest_run(session, name, SCHEDULER)
    if newest is None or newest.state == "running":
        return True
    if (newest.configuration, newest.code) != (configuration_hash(project.models[name]), __version__):
        return True
    return newest.now <= _last_time(project, at)


def _last_time(project: Project, at: datetime) -> datetime:
    """Return the newest moment at or before `at` that the schedule asks for a pass."""
    schedule = project.schedule.collect
    if schedule.at is None:  # half a tick early, since ticks are never on time
        return at - schedule.interval + ticks_of(schedule) / 2
    local = at.astimezone(project.zone)
    today = datetime.combine(local.date(), schedule.at, project.zone)
    if today > local:
        today = datetime.combine(local.date() - timedelta(days=1), schedule.at, project.zone)
    return today.astimezone(at.tzinfo)
