"""`goalkeeper plan`: what the configuration means for what is stored, before it happens."""

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
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Say what a changed configuration will do at the next pass."))(plan)


def plan(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Compare the file with what was collected."""
    from core.config import configuration_hash
    from store import models, windows

    asked = open_session(config)
    rows = []
    with asked.store.read() as session:
        stored = {row.name: row for row in models.models(session)}
        for name in chosen_models(asked.project, model):
            configured, row = asked.project.models[name], stored.get(name)
            held = len(windows.windows(session, name, configured.grain))
            if row is None:
                what, why = "collect", _("new: everything is collected at the next pass")
            elif row.timezone != str(configured.zone) or row.grain != configured.grain.value:
                what = "collect_again"
                why = _("time zone or grain changed: {n} windows are cut anew and collected again").format(
                    n=held
                )
            elif row.configuration != configuration_hash(configured):
                what = "collect_again"
                why = _(
                    "what is counted changed: {n} windows are collected again, as far as their rows are there"
                )
                why = why.format(n=held)
            else:
                what = "nothing"
                why = _("nothing to collect again; rules and goals are judged anew at each pass anyway")
            rows.append({"model": name, "does": what, "why": why})
        for name in sorted(stored.keys() - asked.project.models.keys()):
            why = _("no longer in the file: what was collected stays, nothing more is")
            rows.append({"model": name, "does": "keep", "why": why})
    if json:
        print_json(rows)
        return
    for one in rows:
        typer.echo(f"{one['model']}: {one['why']}")
