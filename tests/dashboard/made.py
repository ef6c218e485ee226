"""A project with a small filled store: ninety days, two versions, a fall, an alert, a ticket, a mail."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from core.config import Project, load
from core.evidence import (
    CarrierFact,
    Drifted,
    Evidence,
    Finding,
    GoalFact,
    LevelFact,
    Release,
    SegmentFact,
    SplitFact,
)
from core.grid import CategoricalGrid, GridSet
from core.messages import Severity
from core.rules import AlertKey, AlertState, RuleState
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window
from store import (
    alerts,
    goals,
    grids,
    metrics,
    models,
    outbox,
    quarantine,
    reports,
    runs,
    settings,
    tickets,
    windows,
)
from store.database import Store
from store.slices import save_slices
from store.tables import GoalRow, ModelRow, SliceRow, WindowRow

DAYS = 90
START = datetime(2026, 1, 5, tzinfo=UTC)
NOW = START + timedelta(days=DAYS, hours=8)
RELEASE, FALL = 45, 80
COLUMNS = ("age", "plan", "visits")
SIGNED = "what only the report says"
FILE = """\
store: sqlite:///{folder}/gk.db
public_url: http://127.0.0.1:8501
channels: {{owners: {{kind: file}}}}
models:
  lead:
    title: {title}
    owner: growth@example.com
    tags: [sales]
    runbook: https://wiki.example.com/lead
    notify: owners
    segments: [region]
    predictions: {{path: log.parquet, columns: {{id: id, time: at, version: v, score: p}}}}
    ground_truth: {{path: truth.parquet, columns: {{id: id, time: at, label: y}}, maturity: 7d}}
    kpis: {{conversion: {{title: Call conversion, numerator: y, unit: percent}}}}
    goals: [{{kpi: conversion, baseline: 0.10, target: 0.15, since: 2026-01-01, by: 2026-12-31}}]
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made; the store is opened anew by whoever needs it."""

    path: Path
    ticket: int

    def project(self) -> Project:
        """Load the project."""
        return load(self.path)

    def store(self) -> Store:
        """Open the store."""
        return Store.open(self.project().store.reveal())


def empty(folder: Path, title: str = "Lead scoring") -> Path:
    """Write the configuration alone."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "goalkeeper.yaml"
    path.write_text(FILE.format(folder=folder, title=f'"{title}"'))
    return path


def made(
    folder: Path,
    title: str = "Lead scoring",
    *,
    text: str = "Call conversion fell to 7.2 %",
    url: str = "",
) -> Made:
    """Write the configuration and fill its store; `title` and `text` may hold anything.

    `url` is that of an empty store, by default one of SQLite in the folder.
    """
    path = empty(folder, title)
    if url:
        path.write_text(path.read_text().replace(f"sqlite:///{folder}/gk.db", url))
    project = load(path)
    store = Store.open(project.store.reveal())
    with store.write() as session:
        settings.put(session, "now", NOW.isoformat())
        _model(session)
        metrics.save_points(session, list(_points()), run_id=_runs(session), now=NOW, why="")
        _rest(session)
        ticket = _ticket(session, text)
    file = project.state_dir / "reports" / "one.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<html><head></head><body><p>{SIGNED}</p></body></html>")
    store.close()
    return Made(path=path, ticket=ticket)


def day(at: int) -> Window:
    """The day number `at`."""
    start = START + timedelta(days=at)
    return Window(start=start, end=start + timedelta(days=1), grain=Grain.DAY)


def _model(session: Session) -> None:
    found = GridSet(
        columns={name: CategoricalGrid(levels=("a", "b")) for name in COLUMNS},
        segments={"region": ("north", "south")},
    )
    grids.save_grid_set(session, "lead", found, NOW)
    row = ModelRow(
        name="lead", title="Lead scoring", task="binary", timezone="UTC", grain="1d", configuration="c",
        features={"columns": dict.fromkeys(COLUMNS, "categorical")}, grid_set=found.id, reference_id=None,
        first_seen=START, removed_at=None,
    )  # fmt: skip
    models.save_model(session, row)
    seen = {"v1": (START, day(RELEASE).start), "v2": (day(RELEASE).start, NOW)}
    models.see_versions(session, "lead", seen, NOW)


def _points() -> Iterator[MetricPoint]:
    for at in range(DAYS):
        wave = 0.01 * math.sin(at)
        rate = (0.07 if at >= FALL else 0.105 if at < RELEASE else 0.13) + wave
        version = "v1" if at < RELEASE else "v2"
        late = at >= DAYS - 7
        for own in ("", version):
            yield point(at, "business.conversion", rate, version=own, late=late)
            yield point(at, "performance.log_loss", 0.3 + wave, version=own, late=late)
            yield point(at, "performance.roc_auc", 0.7 + wave, version=own, late=late)
            yield point(at, "service.requests", 2000 + 100 * math.sin(at), version=own)
        yield point(at, "business.conversion", rate - 0.02, segment="region=north", late=late)
        yield point(at, "performance.calibration", (-0.06 if at >= FALL else 0) + wave, late=late)
        yield point(at, "performance.ece", 0.01 + abs(wave), late=late)
        yield point(at, "service.error_share", 0.004)
        for name, value in (("50", 40.0), ("95", 180.0), ("99", 400.0)):
            yield point(at, f"service.latency_p{name}_ms", value + wave)
        yield point(at, "quality.rows", 2000)
        yield point(at, "quality.join_coverage", 1.0 if not late else 0.8, late=late)
        for column, weight in zip((*COLUMNS, "@score"), (0.4, 0.02, 0.01, 0.2), strict=True):
            drifted = weight if at >= FALL else 0.02
            yield point(at, "drift.jensen_shannon", drifted + wave / 10, column=column)
            if column != "@score":
                yield point(at, "quality.missing", 0.01, column=column)


def point(
    at: int,
    metric: str,
    value: float,
    *,
    version: str = "",
    segment: str = "",
    column: str = "",
    late: bool = False,
) -> MetricPoint:
    state = ValueState.IMMATURE if late else ValueState.OK
    number = MetricValue(
        value=value, lower=value * 0.9, upper=value * 1.1, n=2000, numerator=value * 2000, denominator=2000,
        state=state, reason="Labels of this window still come in." if late else "",
    )  # fmt: skip
    return MetricPoint(
        model="lead", metric=metric, window=day(at), value=number, version=version, segment=segment,
        column=column, final=not late,
    )  # fmt: skip


def _runs(session: Session) -> int:
    facts = {"configuration": "c", "code": "0.1", "source": "parquet", "actor": ""}
    good = runs.start_run(session, "lead", started_at=NOW, now=NOW, **facts)
    runs.finish_run(
        session,
        good.id,
        state="done",
        finished_at=NOW + timedelta(seconds=4),
        windows=90,
        rows=180_000,
        points=4000,
    )
    bad = runs.start_run(session, "lead", started_at=NOW, now=NOW, **facts)
    runs.finish_run(
        session,
        bad.id,
        state="failed",
        finished_at=NOW,
        error="log.parquet cannot be read",
        hint="Look at it.",
    )
    return good.id


def _rest(session: Session) -> None:
    for at in range(DAYS):
        if at == 60:
            continue  # a gap
        window = day(at)
        row = WindowRow(
            model="lead", grain="1d", start=window.start, end=window.end, grid_set="g", inputs_mark="i",
            outcomes_mark="o", profile_digest="d", computed="d", stage="final", state="ok", reason="",
            notes={"duplicates": 3} if at == 61 else {}, collected_at=NOW,
        )  # fmt: skip
        windows.save_window(session, row)
    bad = SliceRow(
        model="lead", source="predictions", name="logs/day-60.parquet", mark="m", first=None, last=None,
        rows=0, columns={}, error="no Parquet file", seen_at=NOW,
    )  # fmt: skip
    save_slices(session, "lead", "predictions", [bad])
    quarantine.add(
        session, "lead", source="predictions", reason="the id is empty", row={"id": None}, now=NOW, count=12
    )
    row = GoalRow(
        model="lead", kpi="conversion", as_of=NOW, state="off track", value=0.118, lower=0.112, upper=0.124,
        probability=0.08, forecast=0.121, needed=0.004, reason="",
    )  # fmt: skip
    goals.save_goal(session, row)
    answers = [
        ("service.error_share", AlertState.OK, Severity.MAJOR, ""),
        ("performance.primary", AlertState.UNKNOWN, Severity.MAJOR, "learning, 9 of 14"),
        ("business.conversion", AlertState.FIRING, Severity.CRITICAL, "Call conversion is 7.2 %"),
    ]
    states = [
        RuleState(
            key=AlertKey(model="lead", rule=rule), state=state, severity=severity, since=None, as_of=NOW,
            reason=reason,
        )
        for rule, state, severity, reason in answers
    ]  # fmt: skip
    alerts.save_rule_states(session, states, {})
    reports.add_report(
        session, model="lead", kind="deep_dive", title="Lead scoring: 1 April to 2 April",
        path="reports/one.html",
        arguments={}, rows=2000, actor="ann@example.com", now=NOW,
    )  # fmt: skip


def _ticket(session: Session, text: str) -> int:
    since = day(FALL).start
    finding = Finding(
        rule="business.conversion", metric="business.conversion", title="Call conversion",
        severity=Severity.CRITICAL, unit="percent", harm="down", since=since, window_start=since,
        window_end=day(FALL).end, value=0.072, expected=0.13, low=0.11, high=0.15, effect=-0.058, lower=0.061,
        upper=0.085, n=2000, reason="Call conversion is 7.2 %",
    )  # fmt: skip
    evidence = Evidence(
        findings=(finding,),
        drifted=(
            Drifted(
                column="age", value=0.4, reason="age is lower, by 0.5 to 0.7 deviations", importance=0.3
            ),
        ),
        split=SplitFact(
            title="Call conversion", unit="percent", column="region", before=0.13, value=0.072, mix=-0.051,
            rate=-0.007,
            levels=(
                LevelFact(
                    level="north", share_before=0.02, share=0.6, before=0.03, value=0.031, effect=-0.041
                ),
                LevelFact(level="south", share_before=0.97, share=0.4, before=0.13, value=0.1, effect=-0.02),
                LevelFact(level="", share_before=0.01, share=0.0, before=0.1, effect=-0.001),
            ),
        ),
        carrier=CarrierFact(
            segment="region=north", share=0.6, part=0.97, share_before=0.02, before=0.03, value=0.031,
            would=0.128,
        ),
        season="The reference holds 25 November to 29 December alone; another time of the year may differ.",
        segments=(SegmentFact(segment="region=north", value=0.05, before=0.11, n=900),),
        goal=GoalFact(
            kpi="conversion", title="Call conversion", state="off track", value=0.118, lower=0.112,
            upper=0.124, target=0.15, by=datetime(2026, 12, 31).date(),
        ),
        release=Release(version="v2", at=day(RELEASE).start),
        reference="the first 28 windows",
        as_of=NOW - timedelta(days=3),
    )  # fmt: skip
    incident = tickets.open_incident(
        session, model="lead", cause="outcome", severity="critical", since=since, now=NOW
    )
    alert = alerts.raise_alert(
        session, AlertKey(model="lead", rule="business.conversion"), since=since, severity="critical",
        reason=finding.reason, evidence=finding.model_dump(mode="json"), now=NOW,
    )  # fmt: skip
    alerts.join_incident(alert, incident.id)
    ticket = tickets.open_ticket(
        session, key="ticket:lead:outcome:1", model="lead", incident_id=incident.id, kind="retrain",
        severity="critical", title=text, evidence=evidence.model_dump(mode="json"),
        acknowledge_by=NOW - timedelta(days=2), now=NOW - timedelta(days=3), actor="goalkeeper",
    )  # fmt: skip
    outbox.enqueue(
        session, key="ticket:lead:outcome:1|opened|owners", kind="opened", channel="owners", model="lead",
        severity="critical", payload={"ticket": ticket.id}, now=NOW - timedelta(days=3),
    )  # fmt: skip
    return ticket.id
