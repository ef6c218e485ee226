"""`goalkeeper marks`: events on the time axis."""

from typing import Annotated, Literal

import typer

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
    kind: Annotated[
        Literal["release", "campaign", "holiday", "incident", "note"],
        typer.Option("--kind", help=_("What kind.")),
    ] = "note",
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    now: NowOption = None,
) -> None:
    """Set a mark, for one model or for all."""
    from store import marks

    asked = open_session(config, now)
    name = "" if model is None else chosen_models(asked.project, model)[0]
    start = parse_time(at, asked.project.zone, "--at")
    assert start is not None
    with asked.store.write() as session:
        new = marks.add_mark(
            session, model=name, kind=kind, start=start, text=text, actor=asked.actor, now=asked.now
        )
    typer.echo(_("Marked.") if new else _("This mark stands already."))
