"""`goalkeeper alerts`: what the rules found."""

from typing import Annotated

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

app = typer.Typer(help=_("What the rules found."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="alerts")


@app.command("list")
def list_(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    firing: Annotated[bool, typer.Option("--firing", help=_("Only those that fire now."))] = False,
    json: JsonOption = False,
) -> None:
    """Print alerts, the newest first."""
    from core.dates import local_time
    from core.rules import AlertState
    from store import alerts

    asked = open_session(config)
    wanted = chosen_models(asked.project, model)
    with asked.store.read() as session:
        known = [row for row in alerts.alerts(session) if row.model in wanted]
    rows = [row for row in known[::-1] if not firing or row.state == AlertState.FIRING]
    if json:
        print_json(
            [
                {
                    "model": row.model, "rule": row.rule, "version": row.version, "segment": row.segment,
                    "column": row.column, "state": row.state, "severity": row.severity, "since": row.since,
                    "until": row.until, "incident": row.incident_id, "reason": row.reason,
                    "evidence": row.evidence,
                }
                for row in rows
            ]
        )  # fmt: skip
        return
    zone = asked.project.zone
    print_table(
        [_("model"), _("rule"), _("where"), _("state"), _("severity"), _("since"), _("what")],
        [
            (
                row.model,
                row.rule,
                " ".join(part for part in (row.column, row.segment) if part),
                row.state,
                row.severity,
                local_time(row.since, zone),
                row.evidence.get("reason") or row.reason,
            )
            for row in rows
        ],
        _("No alert is firing. `goalkeeper alerts list` prints those of the past.")
        if known
        else _("No alerts. They appear once windows are collected: `goalkeeper collect`."),
    )
