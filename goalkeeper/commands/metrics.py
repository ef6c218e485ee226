"""`goalkeeper metrics`: the stored numbers, for other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    Session,
    SinceOption,
    UntilOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
    print_table,
)

app = typer.Typer(
    help=_("The stored numbers: list what is measured, export the values."), no_args_is_help=True
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="metrics")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """Print every metric: what it is called, its unit, which way is good, how it is computed."""
    from metrics.registry import all_metrics

    rows = list(all_metrics().values())
    if json:
        print_json(
            [
                {
                    "metric": m.name,
                    "title": _(m.title),
                    "unit": m.unit,
                    "better": m.better,
                    "formula": m.formula,
                }
                for m in rows
            ]
        )
        return
    print_table(
        [_("metric"), _("title"), _("unit"), _("better"), _("formula")],
        [(m.name, _(m.title), m.unit, m.better, m.formula) for m in rows],
        "",
    )


@app.command()
def export(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help=_("Only this metric; what is not stored is computed."), metavar="NAME"),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help=_("The values as they were known then."), metavar="TIME")
    ] = None,
    format: Annotated[
        Literal["csv", "json", "parquet"], typer.Option("--format", help=_("How to write."))
    ] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=_("Write here; parquet needs it."), metavar="FILE")
    ] = None,
) -> None:
    """Write the current value of each metric and window (or those known at --as-of)."""
    from reports.export import export_points, write

    asked = open_session(config)
    zone = asked.project.zone
    models = chosen_models(asked.project, model)
    if metric is not None:
        _refuse_unknown(asked, models, metric)
    rows = export_points(
        asked.store,
        asked.project,
        models=models,
        now=asked.now,
        metric=metric,
        since=parse_time(since, zone, "--since"),
        until=parse_time(until, zone, "--until"),
        as_of=parse_time(as_of, zone, "--as-of"),
    )
    if output is None and format == "parquet":
        raise typer.BadParameter(_("Parquet is not text: name a file."), param_hint="--output")
    if not rows:
        typer.echo(
            _("No values: nothing of it was stored by then; without --as-of it is computed.")
            if as_of is not None
            else _("No values: nothing is collected in this range, or the models do not have this metric."),
            err=True,
        )
    data = write(rows, format)
    if output is None:
        typer.echo(data.decode("utf-8"), nl=False)
    else:
        output.write_bytes(data)
        typer.echo(_("Wrote {n} rows to {file}.").format(n=len(rows), file=output), err=True)


def _refuse_unknown(asked: Session, models: Sequence[str], metric: str) -> None:
    from core.spelling import nearest_of
    from reports.query import Query

    query = Query(store=asked.store, project=asked.project)
    if any(query.is_known(model, metric) for model in models):
        return
    kpis = [f"business.{kpi}" for model in models for kpi in asked.project.models[model].kpis]
    near = nearest_of(metric, [*query.declared(), *kpis])
    hint = (
        _("Did you mean {nearest}?").format(nearest=near)
        if near
        else _("`goalkeeper metrics list` prints all of them.")
    )
    raise typer.BadParameter(
        _("There is no metric '{name}'.").format(name=metric) + " " + hint, param_hint="--metric"
    )
