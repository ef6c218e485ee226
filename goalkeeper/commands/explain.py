"""`goalkeeper explain`: how a number came about."""

from itertools import pairwise
from typing import Annotated, Any

import typer

from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Print how a number came about: window, counts, formula, run, earlier values."))(
        explain
    )


def explain(
    metric: Annotated[str, typer.Argument(help=_("A metric: performance.roc_auc, business.<kpi>, …"))],
    at: Annotated[str, typer.Option("--window", help=_("The window that holds this time."), metavar="TIME")],
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    version: Annotated[str, typer.Option("--version", help=_("One version; '' for all."))] = "",
    segment: Annotated[str, typer.Option("--segment", help=_("One segment: region=north."))] = "",
    column: Annotated[str, typer.Option("--column", help=_("One column; '@score' for the score."))] = "",
    json: JsonOption = False,
) -> None:
    """Print how a stored number came about."""
    from core.dates import local_time
    from core.figures import figure
    from core.foreign import one_line
    from core.windows import window_at
    from metrics.registry import all_metrics
    from store import metrics
    from store.retention import kept_grains

    asked = open_session(config)
    names = chosen_models(asked.project, model)
    if len(names) != 1:
        raise typer.BadParameter(
            _("Choose a model: {known}.").format(known=", ".join(names)), param_hint="--model"
        )
    configured, zone = asked.project.models[names[0]], asked.project.zone
    moment = parse_time(at, zone, "--window")
    assert moment is not None
    grains = [grain for grain in kept_grains(configured) if grain.length >= configured.grain.length]
    window = window_at(moment, configured.grain, zone)
    with asked.store.read() as session:
        stored = (
            metrics.history(
                session, names[0], metric, window_at(moment, grain, zone), version=version, segment=segment,
                column=column,
            )
            for grain in grains  # what was rolled up is explained by the coarser window
        )  # fmt: skip
        found = next(filter(None, stored), [])
    if not found:
        raise GoalkeeperError(
            _("No value of {metric} is stored for {window}.").format(
                metric=metric, window=local_time(window.start, zone)
            ),
            hint=_("`goalkeeper metrics export` prints what is; `goalkeeper metrics list` what exists."),
        )
    family, _dot, kpi = metric.partition(".")
    kind = metric
    if family == "business" and kpi in configured.kpis:
        kind = "business.mean" if configured.kpis[kpi].mean is not None else "business.ratio"
    declared = all_metrics(asked.project.plugin_dirs).get(kind)
    point = found[-1]
    facts: dict[str, Any] = {
        "model": names[0], "metric": metric, "version": version, "segment": segment, "column": column,
        "window_start": point.window.start, "window_end": point.window.end, "value": point.value.value,
        "lower": point.value.lower, "upper": point.value.upper, "n": point.value.n,
        "numerator": point.value.numerator, "denominator": point.value.denominator,
        "state": point.value.state.value, "reason": point.value.reason, "final": point.final,
        "computed_at": point.computed_at, "formula": "" if declared is None else declared.formula,
        "configuration": point.origin.configuration if point.origin else "",
        "code": point.origin.code if point.origin else "",
        "source": point.origin.source if point.origin else "",
    }  # fmt: skip
    earlier = [
        {"value": one.value.value, "n": one.value.n, "until": one.superseded_at, "then": after.why}
        for one, after in pairwise(found)
    ]
    if json:
        print_json(facts | {"earlier": earlier})
        return
    unit = "" if declared is None else declared.unit
    typer.echo(f"{metric} = {figure(point.value.value, unit)}  [{point.value.state.value}]")
    if point.value.reason:
        typer.echo(f"  {one_line(point.value.reason)}")
    for name, value in facts.items():
        if name not in ("value", "state", "reason", "metric") and value not in ("", None):
            typer.echo(f"  {name}: {value}")
    for one in earlier:
        typer.echo(f"  until {one['until']}: {one['value']} (n {one['n']}); {one['then']}")
