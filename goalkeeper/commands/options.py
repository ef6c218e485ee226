"""Options that many commands share, and what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from core.text import gettext as _
from core.text import set_language

if TYPE_CHECKING:
    from core.config import Project
    from store.database import Store

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help=_("The project's file."), show_default=True, metavar="FILE")
]
NowOption = Annotated[
    str | None,
    typer.Option(
        "--now",
        help=_("Act as if it were this time (ISO 8601; without a zone: the project's)."),
        metavar="TIME",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print for machines."))]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help=_("Only this model."), metavar="NAME")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help=_("From this time on (a date, or ISO 8601)."), metavar="TIME")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help=_("Up to this time, itself left out."), metavar="TIME")
]
CONFIG = Path("goalkeeper.yaml")


@dataclass(frozen=True, kw_only=True)
class Session:
    """What nearly every command needs: the project, its store, what time it is and who asks.

    `replayed` says that the time is the store's own, which stands still, and not the clock's.
    """

    project: "Project"
    store: "Store"
    now: datetime
    actor: str
    replayed: bool = False


def open_project(config: Path) -> "Project":
    """Read the configuration and speak its language."""
    from core.config import load

    project = load(config)
    set_language(project.language)
    return project


def open_session(config: Path, now: str | None = None) -> Session:
    """Open the project and its store; `now` as given, else the store's own (demo), else the clock."""
    import getpass

    from goalkeeper.clock import now as clock
    from goalkeeper.clock import own_time
    from store.database import Store

    project = open_project(config)
    store = Store.open(project.store.reveal())
    asked = parse_time(now, project.zone, "--now")
    own = None if asked is not None else own_time(store)
    return Session(
        project=project, store=store, now=asked or own or clock(), actor=getpass.getuser(),
        replayed=own is not None,
    )  # fmt: skip


def parse_time(text: str | None, zone: ZoneInfo, option: str) -> datetime | None:
    """Read a date or an ISO time; without a zone it is meant in the project's."""
    if text is None:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), tzinfo=zone).astimezone(UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is not a time; write 2026-03-01 or 2026-03-01T08:00+01:00.").format(text=text),
            param_hint=option,
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def chosen_models(project: "Project", model: str | None) -> tuple[str, ...]:
    """Return the named model, or all; an unknown name is wrong usage and names the nearest."""
    if model is None:
        return tuple(project.models)
    if model not in project.models:
        from core.spelling import nearest_of

        near = nearest_of(model, project.models)
        known = ", ".join(project.models)
        hint = _(" Did you mean {near}?").format(near=near) if near else ""
        raise typer.BadParameter(
            _("There is no model {model!r}; there are: {known}.").format(model=model, known=known) + hint,
            param_hint="--model",
        )
    return (model,)


def print_json(value: Any) -> None:
    """Print one JSON document; times as ISO 8601 with offset."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print a table for people; `empty` where there are no rows."""
    if not rows:
        typer.echo(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from core.foreign import one_line

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else one_line(cell)) for cell in row))
    console = Console(soft_wrap=False)
    Console(soft_wrap=False, width=None if console.is_terminal else 160).print(table)
