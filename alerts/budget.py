"""The budget of false alarms: what was promised, what it means in the calendar, and how many there were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from alerts.defaults import Watch, families_of, windows_per_alarm
from alerts.rules import sequential
from core.config import Model
from core.rules import Dismissal, TicketKind
from store import tickets, windows


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The promise of one class of rules of one model, tickets or notices.

    At most one false alarm in `windows` windows, shared by `rules`, each of which alarms at its threshold.
    `every` is the same by the calendar. `seen` windows were collected so far; `false` counts tickets that
    people dismissed as false alarms, None for notices, which nobody dismisses.
    """

    model: str
    notices: bool
    windows: float
    rules: Mapping[str, float]
    every: timedelta
    seen: int = 0
    false: int | None = None


def budgets_of(session: Session, model: Model, watches: Sequence[Watch]) -> list[Budget]:
    """Return the budgets of a model; a class without rules that add evidence up has none."""
    seen = sum(1 for row in windows.windows(session, model.name, model.grain) if row.state == "ok")
    false = sum(row.dismissal == Dismissal.FALSE_ALARM for row in tickets.tickets(session, model.name))
    found = []
    for notices in (False, True):
        asks = None if notices else TicketKind.RETRAIN
        rules = {
            rule.id: rule.options.threshold or 0.0
            for rule in families_of(watches, asks)
            if isinstance(rule.options, sequential.Options)
        }
        if not rules:
            continue
        allowed = windows_per_alarm(model, asks)
        found.append(
            Budget(
                model=model.name, notices=notices, windows=allowed, rules=rules,
                every=allowed * model.grain.length, seen=seen, false=None if notices else false,
            )
        )  # fmt: skip
    return found


def all_together(budgets: Sequence[Budget]) -> timedelta | None:
    """Return how often the tickets of all models together may be false; None without any model."""
    rate = sum(1 / budget.every.total_seconds() for budget in budgets if not budget.notices)
    return timedelta(seconds=1 / rate) if rate else None
