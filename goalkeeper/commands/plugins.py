"""`goalkeeper plugins`: what kinds of everything there are."""

from pathlib import Path

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    open_project,
    print_json,
    print_table,
)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(help=_("List sources, channels, rules, trackers, pages, and what each still needs."))(
        plugins
    )


def plugins(config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """List every plug-in of every port."""
    from core.plugins import PORTS, status

    own = open_project(config).plugin_dirs if Path(config).exists() else ()
    found = [one for port in PORTS.values() for one in status(port, own)]
    if json:
        print_json(
            [{"port": one.port, "kind": one.kind, "needs": one.needs, "own": one.own} for one in found]
        )
        return
    print_table(
        [_("port"), _("kind"), _("state")],
        [
            (one.port, one.kind, _("ready") if not one.needs else _("needs {what}").format(what=one.needs))
            for one in found
        ],
        "",
    )
