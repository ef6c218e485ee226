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
) -> None:
    """Write a commented configuration."""
    from goalkeeper.init import add_model, propose, render

    proposal = None if sample is None else propose(sample)
    name = model or (sample.stem.replace("_", "-") if sample else "my-model")
    if config.exists():
        if model is None:
            raise GoalkeeperError(
                _("{file} exists already and stays as it is.").format(file=config),
                hint=_("Add a model to it with --model NAME, or write elsewhere with --config FILE."),
            )
        add_model(config, name, proposal)
    else:
        config.write_text(render(proposal, name), encoding="utf-8")
    typer.echo(_("Wrote {file}. Next: look through it, then `goalkeeper check`.").format(file=config))
