"""Count an experiment's arms once a day, and whenever the file asks for something else."""

from datetime import datetime, timedelta

from collectors.opening import Opened
from collectors.trials import count_trial
from core.config import Project
from store.database import Store
from store.grids import grid_set
from store.models import model as model_row
from store.trials import Counted, counted_trial, keep_trial


def count_experiment(
    *, project: Project, name: str, store: Store, opened: Opened, now: datetime, maturity: timedelta
) -> None:
    """Count the arms of a model's experiment by unit, of rows whose labels are mature.

    Raises:
        SourceError: the log cannot be read, or does not hold the unit's column.
    """
    model = project.models[name]
    if model.experiment is None:
        return
    asked = model.experiment.model_dump_json() + ",".join(
        f"{kpi}={one.numerator}/{one.denominator}/{one.mean}" for kpi, one in model.kpis.items()
    )
    with store.read() as session:
        held, row = counted_trial(session, name), model_row(session, name)
        if row is None or row.grid_set is None:
            return
        grids = grid_set(session, row.grid_set)
    today = now.astimezone(project.zone).date()
    if held is not None and held.asked == asked and held.as_of.astimezone(project.zone).date() == today:
        return
    before, since = count_trial(opened, grids, zone=project.zone, now=now, maturity=maturity)
    with store.write() as session:
        keep_trial(session, name, Counted(as_of=now, asked=asked, before=before, since=since))
