"""`goalkeeper requests`: work that pages asked a worker for."""

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    open_session,
    print_json,
    print_table,
)

app = typer.Typer(help=_("Work that pages asked a worker for."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="requests")


@app.command("list")
def list_(config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """Print requests, the newest first."""
    from core.dates import local_time
    from store import requests

    asked = open_session(config)
    with asked.store.read() as session:
        rows = requests.requests(session)
    if json:
        print_json(
            [
                {
                    "id": row.id, "kind": row.kind, "arguments": row.arguments, "actor": row.actor,
                    "state": row.state, "progress": row.progress, "result": row.result, "error": row.error,
                    "created_at": row.created_at, "updated_at": row.updated_at,
                }
                for row in rows
            ]
        )  # fmt: skip
        return
    zone = asked.project.zone
    print_table(
        [_("id"), _("asked"), _("kind"), _("state"), _("progress"), _("who"), _("error")],
        [
            (
                row.id,
                local_time(row.created_at, zone),
                row.kind,
                row.state,
                f"{row.progress:.0%}",
                row.actor,
                row.error,
            )
            for row in rows
        ],
        _("Nobody has asked for anything."),
    )
