"""Compute the metrics of every window whose profiles, stage, reference or configuration changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.config import Model, Project, configuration_hash
from core.grid import GridSet
from core.profile import Profile, ProfileKey
from core.text import gettext as _
from core.values import MetricPoint
from goalkeeper.progress import Progress
from metrics.measure import Stage, asked_by_rules, measure, stage_of
from store.database import Store
from store.grids import grid_set
from store.metrics import save_points
from store.normal import Normal, window_of
from store.profiles import profiles
from store.retention import kept_grains
from store.tables import WindowRow
from store.windows import mark_many, uncomputed, windows

BATCH = 64


def compute(
    *,
    project: Project,
    name: str,
    store: Store,
    now: datetime,
    maturity: timedelta,
    run_id: int,
    progress: Progress | None = None,
) -> int:
    """Compute what is due for one model; return how many points were written."""
    model = project.models[name]
    configuration = configuration_hash(model)
    named = asked_by_rules(model, project.plugin_dirs)
    if named:
        configuration += "+" + ",".join(sorted(named))
    grids: dict[str, GridSet] = {}
    written = 0
    normal, rows = _unlike(model, store, configuration)
    due: list[tuple[WindowRow, Stage, str]] = []
    for row in rows:
        stage = stage_of(window_of(row), model, maturity, now)
        wanted = f"{row.profile_digest}:{stage}:{configuration}:{normal.mark(row)}"
        if row.computed != wanted and row.state == "ok" and not _stays(row, wanted, normal):
            due.append((row, stage, wanted))
    for at in range(0, len(due), BATCH):
        batch = due[at : at + BATCH]
        cells = _cells(store, name, [row for row, _stage, _wanted in batch])
        found: dict[str, list[MetricPoint]] = {}
        for row, stage, _wanted in batch:
            if row.grid_set not in grids:
                with store.read() as session:
                    grids[row.grid_set] = grid_set(session, row.grid_set)
            found.setdefault(_why(row, stage, configuration), []).extend(
                measure(
                    model=model,
                    name=name,
                    grids=grids[row.grid_set],
                    cells=cells.get((row.grain, row.start), {}),
                    reference=normal.profile(row),
                    window=window_of(row),
                    now=now,
                    zone=project.zone,
                    stage=stage,
                    maturity=maturity,
                    own=normal.own(),
                    plugin_dirs=project.plugin_dirs,
                )
            )
        with store.write() as session:
            for why, points in found.items():
                written += save_points(session, points, run_id=run_id, now=now, why=why)
            mark_many(session, name, [(row.grain, row.start, wanted, stage) for row, stage, wanted in batch])
        if progress is not None:
            progress(_("{model}: computing").format(model=name), min(at + BATCH, len(due)), len(due))
    return written


def _unlike(model: Model, store: Store, configuration: str) -> tuple[Normal, list[WindowRow]]:
    """Return what windows are compared with, and those that were not computed as final ones are now.

    With a reference that moves, whether a window is one of those depends on others: then all are returned.
    """
    grains, fixed = kept_grains(model), Normal(model=model, store=store, rows=())
    marks = {grain: fixed.fixed_mark(grain) for grain in grains}
    with store.read() as session:
        if None in marks.values():
            rows = [row for grain in grains for row in windows(session, model.name, grain)]
            return Normal(model=model, store=store, rows=rows), rows
        return fixed, [
            row
            for grain, mark in marks.items()
            for row in uncomputed(session, model.name, grain, f":final:{configuration}:{mark}")
        ]


def _cells(
    store: Store, name: str, rows: Sequence[WindowRow]
) -> dict[tuple[str, datetime], dict[ProfileKey, Profile]]:
    """Read the profiles of some windows of one grain or two."""
    found: dict[tuple[str, datetime], dict[ProfileKey, Profile]] = {}
    for grain in sorted({row.grain for row in rows}):
        own = [row.start for row in rows if row.grain == grain]
        with store.read() as session:
            cells = profiles(session, name, grain, min(own), max(own) + timedelta(microseconds=1))
        for key, profile in cells:
            found.setdefault((grain, key.start), {})[key] = profile
    return found


def _stays(row: WindowRow, wanted: str, normal: Normal) -> bool:
    """Tell whether nothing changed but that what a window was compared with has been rolled up since."""
    same = row.computed.rpartition(":")[0] == wanted.rpartition(":")[0]
    return same and normal.is_rolled_up(row)


def _why(row: WindowRow, stage: Stage, configuration: str) -> str:
    if not row.computed:
        return ""
    digest, was, configured, *_reference = row.computed.split(":")
    if digest != row.profile_digest:
        return _("late or corrected rows or labels")
    if configured != configuration:
        return _("configuration changed")
    if was != stage:
        return _("window went from {a} to {b}").format(a=was, b=stage)
    return _("what it is compared with changed")
