"""Goalkeeper's default rules on a stream: the same metrics, contrasts and rules as a pass has, in memory."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from alerts.baseline import Baseline
from alerts.defaults import rules_of
from alerts.rules.base import Trace
from alerts.series import Known, Note, judge_all
from alerts.traces import Traces, contrasts_by_column, said_of
from bench.streams import Stream
from core.config import Model, load
from core.profile import Profile, ProfileKey, Role, merge_all
from core.values import MetricPoint
from core.windows import Grain, Window
from metrics.measure import measure
from metrics.moments import Correlations

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
CONFIG = """\
models:
  stream:
    task: binary
    predictions: {{kind: parquet, path: none.parquet, columns: {{id: id, time: at{score}}}}}
    ground_truth: {{kind: parquet, path: none.parquet, columns: {{id: id, label: label}}, maturity: 1h}}
    kpis: {{conversion: {{numerator: label}}}}
"""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert: the rule and its class, the column, and the windows (from 0) from raised to over."""

    rule: str
    kind: str  # columns | score | multivariate | kpi | performance | estimated | data
    column: str
    raised: int
    over: int | None


@cache
def model_of(scored: bool) -> Model:
    """Return a model with nothing configured but what a stream has."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "goalkeeper.yaml"
        path.write_text(CONFIG.format(score=", score: score" if scored else ""))
        return load(path).models["stream"]


def judge(stream: Stream) -> list[Alert]:
    """Return what the default rules raise on the monitored windows of a stream."""
    model = model_of(stream.scored)
    reference = merge_all(stream.reference, grid_set=stream.grids.id)
    windows = [_window(at) for at in range(-len(stream.reference), len(stream.windows))]
    split = len(stream.reference)
    points = _points(stream.windows, windows[split:], stream, model, reference)
    baseline = _points(stream.reference, windows[:split], stream, model, reference)
    now = windows[-1].end + timedelta(hours=12)
    known = Known(
        model=model, now=now, zone=ZoneInfo("UTC"), points=points, baseline=Baseline(points=baseline),
        timed=True, notes=[Note(window=one) for one in windows[split:]], holidays={}, accepted={},
        traces=Traces(by_column=_traces(stream, windows, reference)),
    )  # fmt: skip
    found = []
    for one in judge_all(known, rules_of(model)):
        for episode in one.line.episodes:
            if not episode.good:
                over = None if episode.over is None else _number(episode.over) - 1
                found.append(
                    Alert(
                        rule=one.key.rule, kind=_kind(one.key.rule), column=one.key.column,
                        raised=_number(episode.raised) - 1, over=over,
                    )
                )  # fmt: skip
    return found


def _points(
    profiles: Sequence[Profile], windows: Sequence[Window], stream: Stream, model: Model, reference: Profile
) -> Mapping[str, Sequence[MetricPoint]]:
    found: defaultdict[str, list[MetricPoint]] = defaultdict(list)
    for profile, window in zip(profiles, windows, strict=True):
        key = ProfileKey(
            model="stream", version="v", role=Role.CHAMPION, segment="", grain=Grain.DAY, start=window.start,
            grid_set=stream.grids.id,
        )  # fmt: skip
        for point in measure(
            model=model, grids=stream.grids, cells={key: profile}, reference=reference, window=window,
            now=window.end + timedelta(days=9), zone=ZoneInfo("UTC"), stage="final",
        ):  # fmt: skip
            if not point.version:
                found[point.metric].append(point)
    return found


def _traces(stream: Stream, windows: Sequence[Window], reference: Profile) -> Mapping[str, Trace]:
    split, found = len(stream.reference), {}
    basis = contrasts_by_column(stream.grids, reference, stream.reference)
    for column, told in basis.items():
        said = [said_of(told, column, one, stream.grids) for one in [*stream.reference, *stream.windows]]
        values, n = np.array([values for values, _n in said]), np.array([n for _values, n in said])
        found[column] = Trace(
            names=told.names, shares=told.shares, windows=tuple(windows[split:]), values=values[split:],
            n=n[split:], base_windows=tuple(windows[:split]), base=values[:split], base_n=n[:split],
            pairs=isinstance(told, Correlations),
        )  # fmt: skip
    return found


def _window(at: int) -> Window:
    start = START + timedelta(days=at)
    return Window(start=start, end=start + timedelta(days=1), grain=Grain.DAY)


def _number(moment: datetime) -> int:
    return (moment - START).days


def _kind(rule: str) -> str:
    family, _dot, name = rule.partition(".")
    return {"business": "kpi", "drift": name}.get(family, name if name == "estimated" else family)
