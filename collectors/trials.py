"""Count the arms of an experiment by unit: before it began, and since."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from collectors.counting import ask
from collectors.crossing import together
from collectors.opening import Opened
from collectors.outcomes import units_question
from collectors.statement import Job
from core.config import Experiment
from core.errors import SourceError
from core.grid import GridSet
from core.spelling import listed
from core.text import gettext as _
from core.trial import ARMS, SUMS, Arm, Trial
from core.windows import Grain, Window

BEFORE = timedelta(days=28)
"""How long before an experiment its arms are compared, at most."""


def count_trial(
    opened: Opened, grids: GridSet, *, zone: ZoneInfo, now: datetime, maturity: timedelta
) -> tuple[Trial | None, Trial | None]:
    """Count what came before an experiment and since it began, of rows whose labels are mature.

    Raises:
        SourceError: the log cannot be read, or does not hold the unit's column.
    """
    model, log = opened.model, opened.log
    experiment = model.experiment
    spans = None if experiment is None else spans_of(experiment, model.grain, zone, now - maturity)
    if experiment is None or spans is None or log.columns.time is None:
        return None, None
    if experiment.unit is not None and not log.has(experiment.unit):
        raise SourceError(
            _("experiment.unit: there is no column '{column}'.").format(column=experiment.unit),
            hint=_("There are: {columns}.").format(columns=listed(log.names)),
        )
    kpis = [name for name in model.kpis if name not in opened.kpis]
    job = Job(
        model=model, log=log, truth=opened.truth, grids=grids, windows=spans, now=now, maturity=maturity
    )
    job = together(job)
    question = units_question(job, experiment.control, experiment.unit, kpis)
    (counted,) = ask(job.log.engine, question)
    found: list[Trial | None] = []
    for number, window in enumerate(spans):
        at = {str(key[1]): g for g, key in enumerate(counted.keys) if int(key[0] or 0) == number}
        units = {arm: int(counted.values["units"][at[arm]]) if arm in at else 0 for arm in ARMS}
        sums = {
            kpi: {
                arm: Arm(
                    units=units[arm],
                    **{one: float(counted.values[f"{one}:{kpi}"][at[arm]]) for one in SUMS},
                )
                for arm in ARMS
                if arm in at
            }
            for kpi in kpis
        }
        both = int(counted.values["both"][at["control"]]) if "control" in at else 0
        found.append(
            Trial(first=window.start, last=window.end, units=units, both=both, kpis=sums) if at else None
        )
    return found[0], found[1]


def spans_of(
    experiment: Experiment, grain: Grain, zone: ZoneInfo, until: datetime
) -> tuple[Window, Window] | None:
    """Return the time before an experiment and the time since it began, up to `until`; None before that."""
    start = datetime.combine(experiment.since, time(), tzinfo=zone)
    if experiment.until is not None:
        until = min(until, datetime.combine(experiment.until + timedelta(days=1), time(), tzinfo=zone))
    if until <= start:
        return None
    before = start - min(until - start, BEFORE)
    return Window(start=before, end=start, grain=grain), Window(start=start, end=until, grain=grain)
