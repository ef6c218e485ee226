"""The budget of false alarms: what was promised, what it means in the calendar, and how many there were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from alerts.defaults import Watch, families_of, windows_per_alarm
from core.config import Model
from core.rules import Dismissal, TicketKind
from store import tickets, windows


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The promise of one class of rules of one model, tickets or notices.

    At most one false alarm in `windows` windows, shared by `families` of rules: each alarms at `threshold`.
    `every` is the same by the calendar. `seen` windows were collected so far; `false` counts tickets that
    people dismissed as false alarms, None for notices, which nobody dismisses.
    """

    model: str
    notices: bool
    windows: float
    families: int
    threshold: float
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
        if not any(w.kind == "sequential" and not w.muted and (w.asks is None) == notices for w in watches):
            continue
        allowed, families = windows_per_alarm(model, asks), families_of(watches, asks)
        found.append(
            Budget(
                model=model.name, notices=notices, windows=allowed, families=families,
                threshold=allowed * families, every=allowed * model.grain.length, seen=seen,
                false=None if notices else false,
            )
        )  # fmt: skip
    return found


def all_together(budgets: Sequence[Budget]) -> timedelta | None:
    """Return how often the tickets of all models together may be false; None without any model."""
    rate = sum(1 / budget.every.total_seconds() for budget in budgets if not budget.notices)
    return timedelta(seconds=1 / rate) if rate else None
