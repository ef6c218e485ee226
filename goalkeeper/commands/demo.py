"""`goalkeeper demo`: the simulated call centre, through the real pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from core.text import gettext as _
from goalkeeper.commands.options import JsonOption, print_json

DirOption = Annotated[Path, typer.Option("--dir", help=_("Where the demo lives."), metavar="DIR")]
NoServeOption = Annotated[bool, typer.Option("--no-serve", help=_("Replay only."))]
PortOption = Annotated[
    int, typer.Option("--port", help=_("The dashboard's port; the next free one if taken."))
]
FOLDER = Path("goalkeeper-demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Replay the simulated call centre and show it."))(demo)


def demo(
    dir: DirOption = FOLDER,
    no_serve: NoServeOption = False,
    json: JsonOption = False,
    port: PortOption = 8501,
) -> None:
    """Replay the simulated call centre; then serve the dashboard until stopped."""
    from core.config import load
    from goalkeeper.demo.replay import replay
    from goalkeeper.progress import progress_bar

    def say(line: str) -> None:
        typer.echo(line, err=True)

    say(
        _("The simulated call centre: 120 days up to 28 April 2026, replayed into {folder} …").format(
            folder=dir
        )
    )
    with progress_bar() as progress:
        found = replay(dir, progress=progress, say=say)
    if json:
        print_json(found.as_json())
    else:
        words = _(
            "{n} windows, {points} metric points, {alerts} alerts, {tickets} tickets, {messages} messages"
        )
        typer.echo(
            words.format(
                n=found.windows,
                points=found.metric_points,
                alerts=found.alerts,
                tickets=found.tickets,
                messages=found.messages,
            )
        )
    if no_serve:
        return
    from goalkeeper.serve import serve

    serve(load(dir / "goalkeeper.yaml"), port=port, say=say)
