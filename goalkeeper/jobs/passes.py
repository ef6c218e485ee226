"""One whole pass: collect, compute, evaluate, deliver; an error in one model leaves the others alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from core.config import Project
from core.errors import GoalkeeperError
from goalkeeper.progress import Progress
from store.database import Store


@dataclass(frozen=True, kw_only=True)
class ModelPass:
    """What a pass did for one model; `error` is empty when it went well."""

    model: str
    windows: int = 0
    rows: int = 0
    points: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What a pass did."""

    models: tuple[ModelPass, ...]
    firing: int
    tickets_opened: int
    messages: int

    @property
    def failed(self) -> bool:
        """Tell whether any model failed."""
        return any(one.error for one in self.models)

    def as_json(self) -> Mapping[str, Any]:
        """Return the result for machines."""
        return asdict(self)


def run_pass(
    *,
    project: Project,
    store: Store,
    now: datetime,
    models: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    deliver: bool = True,
    actor: str = "",
    progress: Progress | None = None,
    explain: Callable[[str], None] | None = None,
) -> PassResult:
    """Run one pass over `models` as of `now`."""
    from goalkeeper.jobs.evaluate import evaluate_model
    from goalkeeper.jobs.measure import collect_and_compute
    from goalkeeper.jobs.turn import turn

    done: list[ModelPass] = []
    firing = opened = 0
    for name in models:
        try:
            with turn(store, f"model {name}"):
                done.append(
                    collect_and_compute(
                        project=project,
                        name=name,
                        store=store,
                        now=now,
                        since=since,
                        until=until,
                        actor=actor,
                        progress=progress,
                        explain=explain,
                    )
                )
                result = evaluate_model(project=project, name=name, store=store, now=now)
                firing += result.firing
                opened += result.tickets_opened
        except GoalkeeperError as problem:
            done.append(ModelPass(model=name, error=str(problem)))
    sent = 0
    if deliver:
        from goalkeeper.jobs.deliver import deliver_due

        sent = deliver_due(project=project, store=store, now=now)
    return PassResult(models=tuple(done), firing=firing, tickets_opened=opened, messages=sent)
