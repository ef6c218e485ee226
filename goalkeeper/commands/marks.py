"""`goalkeeper marks`: events on the time axis."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import GoalkeeperError
from core.marks import MarkKind
from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.config import Project

app = typer.Typer(help=_("Events on the time axis: releases, campaigns, notes."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="marks")


@app.command("list")
def list_(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Print marks by time."""
    from core.dates import local_time
    from store import marks

    asked = open_session(config)
    wanted = {"", *chosen_models(asked.project, model)}
    with asked.store.read() as session:
        rows = [row for row in marks.marks(session) if row.model in wanted]
    if json:
        print_json(
            [
                {"model": row.model, "kind": row.kind, "start": row.start, "end": row.end, "text": row.text}
                for row in rows
            ]
        )
        return
    zone = asked.project.zone
    print_table(
        [_("when"), _("model"), _("kind"), _("what"), _("who")],
        [(local_time(row.start, zone), row.model or _("all"), row.kind, row.text, row.actor) for row in rows],
        _("No marks yet: `goalkeeper marks add --at 2026-03-01 'Spring campaign'`."),
    )


@app.command()
def add(
    text: Annotated[str, typer.Argument(help=_("What happened."))],
    at: Annotated[str, typer.Option("--at", help=_("When (a date, or ISO 8601)."), metavar="TIME")],
    until: Annotated[
        str, typer.Option("--until", help=_("For what lasts: its end (not within)."), metavar="TIME")
    ] = "",
    kind: Annotated[MarkKind, typer.Option("--kind", help=_("What kind."))] = MarkKind.NOTE,
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    now: NowOption = None,
) -> None:
    """Set a mark, for one model or for all."""
    from store import marks

    asked = open_session(config, now)
    name = "" if model is None else chosen_models(asked.project, model)[0]
    start, end = _span(at, until, asked.project.zone, ("--at", "--until"))
    with asked.store.write() as session:
        new = marks.add_mark(
            session, model=name, kind=kind, start=start, end=end, text=text, actor=asked.actor, now=asked.now
        )
    typer.echo(_("Marked.") if new else _("This mark stands already."))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=_("A CSV file."), exists=True, dir_okay=False)],
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Set the marks of a CSV file: start and text, and where wanted end, kind and model.

    Lines that do not fit are named and left out; the others are set. Importing twice sets nothing twice.
    """
    import csv

    from store import marks

    asked, wrong = open_session(config, now), 0
    new, known = 0, 0
    with file.open(encoding="utf-8-sig", newline="") as lines, asked.store.write() as session:
        rows = csv.DictReader(lines)
        if not {"start", "text"} <= set(rows.fieldnames or ()):
            raise GoalkeeperError(
                _("{file} has no columns start and text.").format(file=file.name),
                hint=_("Its first line names them: start,end,kind,text,model."),
            )
        for row in rows:
            try:
                values = _values(row, asked.project)
            except (GoalkeeperError, typer.BadParameter) as error:
                wrong += 1
                typer.echo(
                    _("Line {n} is left out: {why}").format(n=rows.line_num, why=error.message), err=True
                )
                continue
            if marks.add_mark(session, **values, actor=asked.actor, now=asked.now):
                new += 1
            else:
                known += 1
    typer.echo(
        _("{new} marks set, {known} stood already, {wrong} left out.").format(
            new=new, known=known, wrong=wrong
        )
    )
    if wrong:
        raise typer.Exit(1)


def _span(
    start: str, end: str, zone: "ZoneInfo", names: tuple[str, str]
) -> tuple["datetime", "datetime | None"]:
    """Read from when to when ('' for a moment) a mark stands; `names` are those of what was written."""
    begins = parse_time(start, zone, names[0])
    ends = parse_time(end, zone, names[1]) if end else None
    assert begins is not None
    if ends is not None and ends <= begins:
        raise GoalkeeperError(_("The mark ends before it begins."), hint=_("Name a later time with --until."))
    return begins, ends


def _values(row: Mapping[str, str | None], project: "Project") -> dict[str, Any]:
    """Return a mark's values of a line of the file.

    Raises:
        GoalkeeperError: the line does not fit.
    """
    start, end, kind, text, model = (
        (row.get(name) or "").strip() for name in ("start", "end", "kind", "text", "model")
    )
    if not text:
        raise GoalkeeperError(_("it says no text"))
    if kind and kind not in set(MarkKind):
        raise GoalkeeperError(
            _("'{kind}' is no kind of mark: {known}").format(kind=kind, known=", ".join(MarkKind))
        )
    begins, ends = _span(start, end, project.zone, ("start", "end"))
    name = chosen_models(project, model)[0] if model else ""
    return {"model": name, "kind": kind or MarkKind.NOTE, "start": begins, "end": ends, "text": text}
