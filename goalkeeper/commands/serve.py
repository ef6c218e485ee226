"""`goalkeeper serve`: everything, until stopped."""

from typing import Annotated

import typer

from core.text import gettext as _
from goalkeeper.commands.options import CONFIG, ConfigOption, open_project

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        help=_("Listen here; pages are read-only elsewhere than on loopback unless there is a login."),
        metavar="ADDRESS",
    ),
]
PortOption = Annotated[
    int, typer.Option("--port", help=_("The dashboard's port; the next free one if taken."))
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Run scheduler, api and dashboard until stopped."))(serve)


def serve(config: ConfigOption = CONFIG, host: HostOption = "127.0.0.1", port: PortOption = 8501) -> None:
    """Run scheduler, api and dashboard until stopped."""
    from goalkeeper.serve import serve as run

    project = open_project(config)
    run(project, host=host, port=port, say=typer.echo)
