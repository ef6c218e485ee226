"""`goalkeeper init`: write a commented configuration."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.commands.options import CONFIG, ConfigOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Write a commented goalkeeper.yaml, from a sample of your log if you have one."))(init)


def init(
    config: ConfigOption = CONFIG,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--from", help=_("A sample of the prediction log (parquet, csv, jsonl)."), metavar="FILE"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=_("The model's name; adds to an existing file."), metavar="NAME"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=_("Write here instead of --config."), metavar="FILE")
    ] = None,
) -> None:
    """Write a commented configuration."""
    from core.config import load
    from goalkeeper.init import add_model, propose, render

    file = output or config
    if file.exists() and model is None:
        raise GoalkeeperError(
            _("{file} exists already and stays as it is.").format(file=file),
            hint=_("Add a model to it with --model NAME, or write elsewhere with --output FILE."),
        )
    proposal = None if sample is None else propose(sample)
    if file.exists():
        assert model is not None
        add_model(file, model, proposal)
    else:
        name = model or (_name_of(sample) if sample else "my-model")
        if not file.parent.is_dir():
            raise GoalkeeperError(
                _("There is no folder {folder}.").format(folder=file.parent), hint=_("Make it first.")
            )
        file.write_text(render(proposal, name, file.parent), encoding="utf-8")
        try:
            load(file)
        except GoalkeeperError:
            file.unlink()
            raise
    if proposal is not None:
        uses = ", ".join(
            f"{use} = {column if isinstance(column, str) else ', '.join(column.values())}"
            for use, column in proposal.uses.items()
        )
        typer.echo(_("Found: {task}; {uses}").format(task=proposal.task.value, uses=uses or _("no uses")))
    typer.echo(_("Wrote {file}. Next: look through it, then `goalkeeper check`.").format(file=file))


def _name_of(sample: Path) -> str:
    """Return a model's name made of a file's: letters, digits and '-'."""
    stem = sample.name.partition(".")[0]
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in stem).strip("-")
    return name or "my-model"
