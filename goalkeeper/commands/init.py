"""`goalkeeper init`: write a commented configuration."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import GoalkeeperError
from core.foreign import one_line
from core.text import gettext as _
from goalkeeper.commands.options import CONFIG, ConfigOption

if TYPE_CHECKING:
    from goalkeeper.init import Proposal

_WIDE = 32
"""Letters of a value that are shown."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Write a commented goalkeeper.yaml, from a sample of your log if you have one."))(init)


def init(
    config: ConfigOption = CONFIG,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help=_("A sample of the prediction log (parquet, csv, jsonl), or a folder of a platform's logs."),
            metavar="PATH",
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
        typer.echo(
            _("Found: {kind}, {task}; {uses}").format(
                kind=proposal.kind, task=proposal.task.value, uses=uses or _("no uses")
            )
        )
        _show(proposal)
    typer.echo(_("Wrote {file}. Next: look through it, then `goalkeeper check`.").format(file=file))


def _show(proposal: "Proposal") -> None:
    """Print some rows as the reader made them, and what found no place."""
    if proposal.rows:
        typer.echo(_("\nThe first rows as they are read:"))
        rows = [{name: row[name] for name in proposal.read() if name in row} for row in proposal.rows]
        typer.echo(lined_up(rows, shutil.get_terminal_size((110, 24)).columns))
    for column, why in proposal.left_out.items():
        typer.echo(_("Left out: {column}: {why}").format(column=column, why=why))
    for why in proposal.refused:
        typer.echo(_("Does not fit: {why}").format(why=why))


def lined_up(rows: Sequence[Mapping[str, Any]], width: int) -> str:
    """Write rows as columns that stand under their names, as many as a line of `width` holds.

    >>> print(lined_up([{"age": 41, "plan": "pro"}, {"age": 5, "plan": None}], 80))
    age  plan
    41   pro
    5
    """
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    lines = [[one_line(name, limit=_WIDE) for name in names]]
    for row in rows:
        lines.append(["" if row[name] is None else one_line(row[name], limit=_WIDE) for name in names])
    sizes = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
    shown = max(1, sum(1 for at in range(len(sizes)) if sum(sizes[: at + 1]) <= width))
    made = ["".join(text.ljust(sizes[at]) for at, text in enumerate(line[:shown])).rstrip() for line in lines]
    if shown < len(names):
        rest = ", ".join(lines[0][shown:])
        made.append(_("… and {n} columns more: {names}").format(n=len(names) - shown, names=rest))
    return "\n".join(made)


def _name_of(sample: Path) -> str:
    """Return a model's name made of a file's: letters, digits and '-'."""
    stem = sample.name.partition(".")[0]
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in stem).strip("-")
    return name or "my-model"
