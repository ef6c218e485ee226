"""`goalkeeper db`: the metric database itself."""

from contextlib import closing

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

app = typer.Typer(help=_("The metric database: upgrade it, look at its size."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="db")


@app.command()
def upgrade(config: ConfigOption = CONFIG) -> None:
    """Bring the database to this version's form; a SQLite file is copied first."""
    from store.database import upgrade as run

    typer.echo(run(open_project(config).store.reveal()))


@app.command()
def stats(config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """Print how many rows each table holds."""
    from sqlalchemy import func, select

    from store.database import Store
    from store.tables import Base

    store = Store.open(open_project(config).store.reveal())
    with closing(store), store.read() as session:
        rows = [
            (table.name, session.scalar(select(func.count()).select_from(table)) or 0)
            for table in Base.metadata.sorted_tables
        ]
    if json:
        print_json(dict(rows))
    else:
        print_table([_("table"), _("rows")], rows, "")
