"""`goalkeeper dashboard`: the pages alone."""

import typer

from core.text import gettext as _
from goalkeeper.commands.options import CONFIG, ConfigOption, open_project
from goalkeeper.commands.serve import HostOption, PortOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Serve the dashboard alone; nothing is collected."))(dashboard)


def dashboard(config: ConfigOption = CONFIG, host: HostOption = "127.0.0.1", port: PortOption = 8501) -> None:
    """Serve the dashboard alone."""
    import os
    import sys

    from goalkeeper.serve import dashboard_command, free_port

    project = open_project(config)
    page = free_port(host, port)
    typer.echo(_("Dashboard: http://{host}:{port}").format(host=host, port=page))
    sys.stdout.flush()
    command = dashboard_command(project.path, host=host, port=page)
    os.execv(command[0], command)  # this process becomes the dashboard: whoever ends it ends everything
