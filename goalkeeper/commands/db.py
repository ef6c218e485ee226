"""`goalkeeper db`: the metric database itself."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    Session,
    chosen_models,
    open_project,
    open_session,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from goalkeeper.jobs.retention import Step

app = typer.Typer(
    help=_("The metric database: upgrade it, look at its size, roll up what is old."), no_args_is_help=True
)


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
    """Print how much room each model takes, by grain and by column and window, and the whole database."""
    from core.figures import figure, size
    from store.database import Store
    from store.sizes import rows_of_tables, sizes, whole

    store = Store.open(open_project(config).store.reveal())
    with closing(store), store.read() as session:
        found, tables, everything = sizes(session), rows_of_tables(session), whole(session)
    if json:
        print_json(
            {
                "models": [
                    {
                        "model": one.model, "columns": one.columns, "bytes": one.bytes,
                        "bytes_per_column_window": one.bytes_per_cell,
                        "grains": [vars(grain) for grain in one.grains],
                    }
                    for one in found
                ],
                "tables": tables, "bytes": everything,
            }
        )  # fmt: skip
        return
    print_table(
        [_("model"), _("grain"), _("windows"), _("profiles"), _("their size"), _("values"), _("their size")],
        [
            (
                one.model, grain.grain, figure(grain.windows or None, "count"),
                figure(grain.profiles, "count"), size(grain.profile_bytes),
                figure(grain.values, "count"), size(grain.value_bytes),
            )
            for one in found
            for grain in one.grains
        ],
        _("Nothing has been collected yet."),
    )  # fmt: skip
    for one in found:
        if one.bytes_per_cell is not None:
            line = _("{model}: {all} in {columns} columns, {each} for each column and window")
            each = size(one.bytes_per_cell)
            typer.echo(line.format(model=one.model, all=size(one.bytes), columns=one.columns, each=each))
    rest = everything - sum(one.bytes for one in found)
    typer.echo(
        _("The whole database: {all}, of which {rest} are indexes, all else and free room.").format(
            all=size(everything), rest=size(max(rest, 0))
        )
    )
    print_table([_("table"), _("rows")], [(name, f"{rows:,}") for name, rows in tables.items()], "")


@app.command()
def prune(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("Only say what would be done."))] = False,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Roll up what is older than `retention:` says; `serve` does it once a day."""
    from goalkeeper.jobs.retention import retain, steps_of
    from goalkeeper.jobs.turn import turn
    from goalkeeper.progress import progress_bar

    asked = open_session(config, now)
    rows: list[dict[str, Any]] = []
    for name in chosen_models(asked.project, model):
        with asked.store.read() as session:
            steps = steps_of(session, asked.project, name, asked.now)
        rows += [{"model": name, **step.as_json(), "done": not dry_run} for step in steps]
        if not json:
            for line in [_line(step, asked) for step in steps] or [_("nothing is old enough")]:
                typer.echo(f"{name}: {line}")
        if dry_run:
            continue
        lease = asked.project.schedule.lease
        with progress_bar() as progress, turn(asked.store, f"model {name}", lease) as held:
            retain(project=asked.project, name=name, store=held, now=asked.now, progress=progress)
    if json:
        print_json(rows)
    elif dry_run and rows:
        typer.echo(_("Nothing was done; without `--dry-run` it is."))


def _line(step: "Step", asked: Session) -> str:
    """Say what becomes of some windows."""
    from core.dates import local_day

    zone = asked.project.zone
    windows = ngettext("{n} window of {grain}", "{n} windows of {grain}", step.windows)
    span = _("{windows} from {since} to {until}").format(
        windows=windows.format(n=f"{step.windows:,}", grain=step.grain.value),
        since=local_day(step.spans[0].start, zone, year=True),
        until=local_day(step.spans[-1].end, zone, year=True),
    )
    if step.into is None:
        return _("{span}: dropped").format(span=span)
    if not step.made:
        return _("{span}: dropped; the windows of {into} hold the same rows").format(
            span=span, into=step.into.value
        )
    coarser = ngettext("{n} window of {grain}", "{n} windows of {grain}", len(step.spans))
    return _("{span}: rolled up to {coarser}").format(
        span=span, coarser=coarser.format(n=f"{len(step.spans):,}", grain=step.into.value)
    )
