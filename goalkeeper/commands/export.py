"""`goalkeeper export`: rows that leave the house."""

from pathlib import Path
from typing import Annotated

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import CONFIG, ConfigOption, NowOption, open_session

app = typer.Typer(help=_("Rows to retrain on."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="export")


@app.command()
def rows(
    ticket: Annotated[int, typer.Option("--ticket", help=_("The ticket's number."), metavar="ID")],
    out: Annotated[Path, typer.Option("--out", help=_("Where to: .parquet or .csv."), metavar="FILE")] = Path(
        "rows.parquet"
    ),
    most: Annotated[
        int, typer.Option("--most", help=_("At most so many rows, chosen by their ids."), min=1)
    ] = 500_000,
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Write the labelled rows to retrain on, from eight weeks before the harm to the newest mature ones."""
    from goalkeeper.jobs.rows import rows_of_ticket, write_rows

    asked = open_session(config, now)
    table = rows_of_ticket(
        project=asked.project, store=asked.store, ticket_id=ticket, now=asked.now, most=most
    )
    write_rows(table, out)
    told = ngettext(
        "{n} labelled row written to {path}.", "{n} labelled rows written to {path}.", table.num_rows
    )
    typer.echo(told.format(n=f"{table.num_rows:,}", path=out))
