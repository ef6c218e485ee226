"""`goalkeeper collect`: one whole pass."""

from typing import Annotated

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    SinceOption,
    UntilOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Collect, compute, evaluate and deliver, once."))(collect)


def collect(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    now: NowOption = None,
    no_deliver: Annotated[
        bool, typer.Option("--no-deliver", help=_("Leave messages in the outbox."))
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help=_("Print the statements that run on the sources."))
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help=_("Print where in the program an unexpected error arose."))
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run one pass over one model or all of them."""
    from core.dates import local_day
    from goalkeeper.jobs.passes import run_pass
    from goalkeeper.progress import progress_bar

    if debug:
        import logging

        logging.basicConfig(format="%(name)s: %(message)s")
        logging.getLogger("goalkeeper").setLevel(logging.DEBUG)
    asked = open_session(config, now)
    if asked.replayed:
        typer.echo(
            _("A replayed project: it is collected as of its own {when}; --now TIME takes another.").format(
                when=local_day(asked.now, asked.project.zone, year=True)
            ),
            err=True,
        )
    with progress_bar(quiet=json or explain) as progress:
        result = run_pass(
            project=asked.project,
            store=asked.store,
            now=asked.now,
            models=chosen_models(asked.project, model),
            since=parse_time(since, asked.project.zone, "--since"),
            until=parse_time(until, asked.project.zone, "--until"),
            deliver=not no_deliver,
            actor=asked.actor,
            progress=progress,
            explain=typer.echo if explain else None,
        )
    if json:
        print_json(result.as_json())
    elif not explain:
        for one in result.models:
            windows = ngettext("{n} window", "{n} windows", one.windows).format(n=one.windows)
            typer.echo(
                f"{one.model}: "
                + _("{windows} collected, {points} metric points written").format(
                    windows=windows, points=one.points
                )
            )
            for note in one.notes:
                typer.echo(f"  ! {note}", err=True)
        typer.echo(
            _("Alerts firing: {alerts} · tickets opened: {tickets} · messages sent: {messages}").format(
                alerts=result.firing, tickets=result.tickets_opened, messages=result.messages
            )
        )
    if result.failed:
        for one in result.models:
            if one.error:
                typer.echo(f"{one.model}: {one.error}", err=True)
        raise typer.Exit(1)
