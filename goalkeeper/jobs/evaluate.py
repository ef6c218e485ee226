"""Evaluate a model's rules: the third part of a pass."""

from datetime import datetime

from alerts.evaluate import EvaluateResult, evaluate
from core.config import Project
from store.database import Store


def evaluate_model(*, project: Project, name: str, store: Store, now: datetime) -> EvaluateResult:
    """Judge the rules of one model as of `now`; what differs from what is stored is written."""
    return evaluate(store=store, project=project, model_name=name, now=now)
