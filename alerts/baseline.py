"""What the reference showed: its windows measured like windows of the log, once."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.config import Model, Project, configuration_hash
from core.profile import Profile, ProfileKey, merge_all
from core.roles import SERVED
from core.values import MetricPoint
from core.windows import Grain, Window, window_at
from metrics.measure import Stage, measure, stage_of
from store import baselines, grids, references, runs
from store.normal import maturity_of
from store.tables import ReferenceRow

MOST = 64
_held: dict[tuple[str, str], "Baseline"] = {}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The reference's values by metric, versions pooled; `mark` changes with all that they were made from."""

    mark: str = ""
    points: Mapping[str, Sequence[MetricPoint]] = field(default_factory=dict)


def baseline_of(session: Session, project: Project, model: Model, reference: ReferenceRow) -> Baseline:
    """Return the baseline as it was kept, else measure it.

    Windows have the model's grain; a reference without time is one window. Where the reference is a part of
    the log, what was immature when it was counted is no baseline; it is counted once more when all of it is
    ripe.
    """
    maturity = maturity_of(session, model)
    code = next((run.code for run in runs.runs(session, model.name, limit=1)), "")
    facts = (
        reference.id, reference.fingerprint, model.name, configuration_hash(model), maturity, code,
        project.language,
    )  # fmt: skip
    mark = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    place = (project.store.reveal(), mark)
    if place not in _held:
        while len(_held) >= MOST:
            del _held[next(iter(_held))]
        kept = baselines.kept(session, model.name, mark)
        points = _measured(session, project, model, reference, maturity) if kept is None else kept
        by_metric: defaultdict[str, list[MetricPoint]] = defaultdict(list)
        for point in points:
            by_metric[point.metric].append(point)
        _held[place] = Baseline(mark=mark, points=dict(by_metric))
    return _held[place]


def keep(session: Session, model: str, baseline: Baseline) -> None:
    """Keep what was measured, so that no other process has to."""
    if baseline.mark:
        points = [point for found in baseline.points.values() for point in found]
        baselines.keep(session, model, baseline.mark, points)


def _measured(
    session: Session, project: Project, model: Model, reference: ReferenceRow, maturity: timedelta
) -> list[MetricPoint]:
    grid_set = grids.grid_set(session, reference.grid_set)
    found = references.reference_profiles(session, reference)
    pooled = merge_all(
        (p for k, p in found if k.role in SERVED and not k.segment), grid_set=reference.grid_set
    )
    by_window: defaultdict[datetime, dict[ProfileKey, Profile]] = defaultdict(dict)
    for profile_key, profile in found:
        by_window[profile_key.start][profile_key] = profile
    points: list[MetricPoint] = []
    for start, cells in sorted(by_window.items()):
        window = _reference_window(start, reference, project, model.grain)
        for point in measure(
            model=model, grids=grid_set, cells=cells, reference=pooled, window=window,
            now=reference.created_at, zone=project.zone,
            stage=_stage(window, reference, model, maturity), maturity=maturity,
            plugin_dirs=project.plugin_dirs,
        ):  # fmt: skip
            if not point.version:
                points.append(point)
    return points


def _reference_window(start: datetime, reference: ReferenceRow, project: Project, grain: Grain) -> Window:
    window = window_at(start, grain, project.zone)
    if reference.windows or reference.last is None or reference.last <= window.end:
        return window
    return Window(start=start, end=reference.last, grain=grain)


def _stage(window: Window, reference: ReferenceRow, model: Model, maturity: timedelta) -> Stage:
    of_log = reference.kind in ("range", "windows")
    return stage_of(window, model, maturity, reference.created_at) if of_log else "final"
