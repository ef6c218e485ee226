"""The command line: what it offers, quickly; each command imports what it needs when it runs."""

import importlib
import sys
from typing import Annotated

import typer

from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper import __version__

app = typer.Typer(
    name="goalkeeper",
    help=_("Watch the goals that machine-learning models were built for."),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

COMMANDS = (
    "init", "check", "plan", "collect", "serve", "dashboard", "demo",
    "metrics", "explain", "alerts", "tickets", "rules", "reference", "regrid", "marks", "silence", "requests",
    "export", "report", "db", "plugins",
)  # fmt: skip
"""In the order of the help; each is goalkeeper/commands/<name>.py with a `register(app)`."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"goalkeeper {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help=_("Print the version and stop.")),
    ] = False,
) -> None:
    """Watch the goals that machine-learning models were built for."""


for _name in COMMANDS:
    importlib.import_module(f"goalkeeper.commands.{_name}").register(app)


def main() -> None:
    """Run the command line: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration."""
    try:
        app()
    except GoalkeeperError as problem:
        from core.config.problems import ConfigError  # pydantic is not worth waiting for before this

        if isinstance(problem, ConfigError):
            typer.echo(str(problem), err=True)
            sys.exit(2)
        typer.echo(_("Failed: {problem}").format(problem=problem), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo(_("Stopped. What was written so far is kept; the next pass goes on from there."), err=True)
        sys.exit(130)
