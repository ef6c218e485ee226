"""`goalkeeper rules`: what is watched, and how."""

from typing import Any

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    chosen_models,
    open_project,
    print_json,
    print_table,
)

app = typer.Typer(help=_("What is watched, and how."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="rules")


@app.command("list")
def list_(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Print the rules of each model: the default ones as the file changes them, and its own."""
    from alerts.defaults import rules_of

    project = open_project(config)
    rows: list[dict[str, Any]] = [
        {
            "model": name, "rule": rule.id, "metric": rule.metric, "kind": rule.kind,
            "severity": rule.severity.value, "asks": rule.asks.value if rule.asks else "",
            "muted": rule.muted, "title": rule.title,
            "options": rule.options.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        for name in chosen_models(project, model)
        for rule in rules_of(project.models[name])
    ]  # fmt: skip
    if json:
        print_json(rows)
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
                ", ".join(f"{key}: {value}" for key, value in row["options"].items()),
            )
            for row in rows
        ],
        _("No model is configured."),
    )
