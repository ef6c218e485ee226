"""`goalkeeper report`: deep dives and digests."""

from datetime import timedelta
from typing import Annotated

import typer

from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    chosen_models,
    open_session,
    parse_time,
    print_json,
    print_table,
)

app = typer.Typer(help=_("Deep dives and digests."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="report")


@app.command("deep-dive")
def deep_dive(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    start: Annotated[
        str | None, typer.Option("--from", help=_("First day; by default seven before --to."), metavar="TIME")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help=_("Where it ends; by default now."), metavar="TIME")
    ] = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Compare a window with the reference by Evidently: drift, summary, performance, as one HTML file."""
    from goalkeeper.jobs.deep_dive import deep_dive as run

    asked = open_session(config, now)
    names = chosen_models(asked.project, model)
    if len(names) != 1:
        raise typer.BadParameter(
            _("Choose a model: {known}.").format(known=", ".join(names)), param_hint="--model"
        )
    zone = asked.project.zone
    until = parse_time(end, zone, "--to") or asked.now
    since = parse_time(start, zone, "--from") or until - timedelta(days=7)
    row = run(
        project=asked.project, store=asked.store, model=names[0], start=since, end=until, now=asked.now,
        actor=asked.actor,
    )  # fmt: skip
    path = asked.project.state_dir / row.path
    if json:
        print_json({"id": row.id, "title": row.title, "path": path, "rows": row.rows})
    else:
        typer.echo(_("{title}: {n} rows, {path}").format(title=row.title, n=f"{row.rows:,}", path=path))


@app.command()
def digest(
    config: ConfigOption = CONFIG,
    send: Annotated[bool, typer.Option("--send", help=_("Queue what is due now, and send it."))] = False,
    now: NowOption = None,
) -> None:
    """Print the newest digest; with --send, queue and send those that are due."""
    from goalkeeper.jobs.deliver import deliver_due
    from reports.digest import preview

    asked = open_session(config, now)
    if not asked.project.digests:
        raise GoalkeeperError(
            _("No digest is configured."),
            hint=_('Add `digests: [{to: owners, at: "08:00"}]`, with a channel of that name.'),
        )
    if send:
        sent = deliver_due(project=asked.project, store=asked.store, now=asked.now)
        typer.echo(_("Messages sent: {n}").format(n=sent))
        return
    message = preview(asked.store, asked.project, asked.now)
    typer.echo(f"{message.subject}\n\n{message.text}")


@app.command("list")
def list_(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Print the reports that were made, the newest first."""
    from core.dates import local_time
    from store import reports

    asked = open_session(config)
    wanted = chosen_models(asked.project, model)
    with asked.store.read() as session:
        rows = [row for row in reports.reports(session) if row.model in wanted]
    paths = [asked.project.state_dir / row.path for row in rows]
    if json:
        print_json(
            [
                {"id": row.id, "model": row.model, "kind": row.kind, "title": row.title, "path": path}
                for row, path in zip(rows, paths, strict=True)
            ]
        )
        return
    print_table(
        [_("id"), _("made"), _("model"), _("title"), _("file")],
        [
            (row.id, local_time(row.created_at, asked.project.zone), row.model, row.title, path)
            for row, path in zip(rows, paths, strict=True)
        ],
        _("No report yet: `goalkeeper report deep-dive --model NAME`."),
    )
