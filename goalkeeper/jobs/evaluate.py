"""Evaluate a model's rules: the third part of a pass."""

from datetime import datetime

from alerts.evaluate import EvaluateResult, evaluate
from core.config import Project
from reports.query import Query
from reports.references import stale
from store.database import Store
from store.marks import add_mark


def evaluate_model(*, project: Project, name: str, store: Store, now: datetime) -> EvaluateResult:
    """Judge the rules of one model as of `now`; what differs from what is stored is written."""
    result = evaluate(store=store, project=project, model_name=name, now=now)
    mark_stale(project=project, name=name, store=store, now=now)
    return result


def mark_stale(*, project: Project, name: str, store: Store, now: datetime) -> int:
    """Mark on the time axis since when a model's reference is stale; return how many marks are new."""
    found = stale(Query(store=store, project=project), project.models[name], now)
    if not found:
        return 0
    with store.write() as session:
        return sum(
            add_mark(session, model=name, kind="note", start=one.since, text=one.text, actor="", now=now)
            for one in found
        )
