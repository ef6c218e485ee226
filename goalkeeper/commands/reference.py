"""`goalkeeper reference`: what 'normal' is measured against."""

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    chosen_models,
    open_session,
    print_json,
    print_table,
)

app = typer.Typer(help=_("What 'normal' is measured against."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="reference")


@app.command()
def show(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Print the reference in force of each model, its age and its grids."""
    from core.dates import length_text, local_day
    from store import grids, references

    asked = open_session(config)
    rows = []
    with asked.store.read() as session:
        for name in chosen_models(asked.project, model):
            row = references.current_reference(session, name)
            if row is None:
                continue
            grid = grids.grid_set(session, row.grid_set)
            rows.append(
                {
                    "model": name, "kind": row.kind, "description": row.description, "windows": row.windows,
                    "rows": row.rows, "first": row.first, "last": row.last, "since": row.created_at,
                    "age": length_text(asked.now - (row.last or row.created_at)), "grid_set": row.grid_set,
                    "columns": len(grid.columns),
                }
            )  # fmt: skip
    if json:
        print_json(rows)
        return
    zone = asked.project.zone

    def day(row: dict[str, object], name: str) -> str:
        value = row[name]
        return local_day(value, zone, year=True) if value is not None else "—"  # type: ignore[arg-type]

    print_table(
        [_("model"), _("what"), _("rows"), _("windows"), _("from"), _("to"), _("age"), _("columns")],
        [
            (
                row["model"],
                row["description"],
                f"{row['rows']:,}",
                row["windows"] or _("no times"),
                day(row, "first"),
                day(row, "last"),
                row["age"],
                row["columns"],
            )
            for row in rows
        ],
        _("No reference yet: run `goalkeeper collect`."),
    )
