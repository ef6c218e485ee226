"""`goalkeeper rules`: what is watched, how, at which rate of false alarms, and what it would have done."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    SinceOption,
    UntilOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
    print_table,
)

app = typer.Typer(help=_("What is watched, and how."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="rules")


@app.command("list")
def list_(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Print the rules of each model, and how often they may be wrong."""
    from alerts.budget import all_together, budgets_of
    from alerts.defaults import rules_of

    asked = open_session(config)
    names = chosen_models(asked.project, model)
    watches = {name: rules_of(asked.project.models[name]) for name in names}
    rows: list[dict[str, Any]] = [
        {
            "model": name, "rule": rule.id, "metric": rule.metric, "kind": rule.kind,
            "severity": rule.severity.value, "asks": rule.asks.value if rule.asks else "",
            "muted": rule.muted, "title": rule.title,
            "options": rule.options.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        for name in names
        for rule in watches[name]
    ]  # fmt: skip
    with asked.store.read() as session:
        budgets = [
            one for name in names for one in budgets_of(session, asked.project.models[name], watches[name])
        ]
    together = all_together(budgets)
    if json:
        days = None if together is None else together / timedelta(days=1)
        print_json(
            {
                "rules": rows,
                "budgets": [asdict(one) | {"every": one.every / timedelta(days=1)} for one in budgets],
                "one_false_ticket_in_days": days,
            }
        )
        return
    print_table(
        [_("model"), _("rule"), _("kind"), _("severity"), _("asks for"), _("options")],
        [
            (
                row["model"],
                row["rule"],
                _("muted") if row["muted"] else row["kind"],
                row["severity"],
                row["asks"] or _("nothing: a notice"),
                ", ".join(f"{key}: {_plain(value)}" for key, value in row["options"].items()),
            )
            for row in rows
        ],
        _("No model is configured."),
    )
    if not budgets:
        return
    typer.echo(_("False alarms, at most (what `false_alarms` accepts), and so far:"))
    print_table(
        [
            _("model"),
            _("class"),
            _("at most one in"),
            _("that is"),
            _("shared by"),
            _("each at"),
            _("so far"),
        ],
        [
            (
                one.model,
                _("notices") if one.notices else _("tickets"),
                _("{n} windows").format(n=f"{one.windows:,.0f}"),
                _every(one.every),
                ngettext("{n} rule", "{n} rules", len(one.rules)).format(n=len(one.rules)),
                _thresholds(list(one.rules.values())),
                _so_far(one.false, one.seen),
            )
            for one in budgets
        ],
        "",
    )
    if together is not None:
        typer.echo(
            _("All models together: at most one false ticket in {every}.").format(every=_every(together))
        )


@app.command("backtest")
def backtest_(
    rule: Annotated[str, typer.Option("--rule", help=_("Which rule."), metavar="RULE")],
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    knobs: Annotated[
        list[str] | None,
        typer.Option("--set", help=_("Another value for one of its options."), metavar="KEY=VALUE"),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Replay a rule over what is stored: which alerts it would have raised, when, and how late.

    Marks of the kind incident say when something was really wrong (`goalkeeper marks add --kind incident`).
    Nothing is written and nobody is told.
    """
    from alerts.backtest import backtest

    asked = open_session(config, now)
    zone = asked.project.zone
    first, last = parse_time(since, zone, "--since"), parse_time(until, zone, "--until")
    changed = dict(_knob(text) for text in knobs or ())
    with asked.store.read() as session:
        found = [
            backtest(
                session, asked.project, asked.project.models[name], asked.now, rule=rule, knobs=changed,
                since=first, until=last,
            )
            for name in chosen_models(asked.project, model)
        ]  # fmt: skip
    if json:
        print_json(
            [
                {
                    "model": one.model, "rule": one.rule.id, "kind": one.rule.kind, "windows": one.windows,
                    "options": one.rule.options.model_dump(mode="json", by_alias=True, exclude_none=True),
                    "alerts": [asdict(alert) for alert in one.alerts], "missed": list(one.missed),
                }
                for one in found
            ]
        )  # fmt: skip
        return
    from core.dates import local_time

    for one in found:
        raised = [alert for alert in one.alerts if not alert.good]
        text = ngettext(
            "{model}, {rule}: {n} alert in {windows} windows.",
            "{model}, {rule}: {n} alerts in {windows} windows.",
            len(raised),
        )
        typer.echo(text.format(model=one.model, rule=one.rule.id, n=len(raised), windows=one.windows))
        print_table(
            [_("since"), _("told"), _("until"), _("where"), _("incident"), _("what")],
            [
                (
                    local_time(alert.since, zone),
                    local_time(alert.told, zone),
                    _("lasts") if alert.until is None else local_time(alert.until, zone),
                    " ".join(filter(None, (alert.column, alert.segment))),
                    _late(alert.incident, alert.late),
                    alert.reason,
                )
                for alert in raised
            ],
            _("It would have kept quiet."),
        )
        for text in one.missed:
            typer.echo(_("Not seen: {incident}").format(incident=text))


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _knob(text: str) -> tuple[str, object]:
    import yaml

    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise typer.BadParameter(
            _("{text!r} is not KEY=VALUE; write threshold=2000.").format(text=text), param_hint="--set"
        )
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        return key.strip(), value


def _thresholds(found: Collection[float]) -> str:
    low, high = f"{min(found):,.0f}", f"{max(found):,.0f}"
    return low if low == high else _("{low} to {high}").format(low=low, high=high)


def _every(length: timedelta) -> str:
    years, days = length / timedelta(days=365.25), length / timedelta(days=1)
    if years >= 2:
        return _("{n} years").format(n=f"{years:,.1f}")
    if days >= 2:
        return _("{n} days").format(n=f"{days:,.0f}")
    return _("{n} hours").format(n=f"{24 * days:,.0f}")


def _so_far(false: int | None, seen: int) -> str:
    if false is None:
        return _("not counted")
    text = ngettext(
        "{n} dismissed as false in {windows} windows", "{n} dismissed as false in {windows} windows", false
    )
    return text.format(n=false, windows=f"{seen:,}")


def _late(incident: str, late: int | None) -> str:
    if late is None:
        return "—"
    if late == 0:
        return _("{incident}, at once").format(incident=incident)
    text = ngettext("{incident}, {n} window late", "{incident}, {n} windows late", late)
    return text.format(incident=incident, n=late)
