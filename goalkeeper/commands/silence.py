"""`goalkeeper silence`: keep a model, a rule or a segment quiet for a while."""

from datetime import datetime, timedelta
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

app = typer.Typer(
    help=_("Keep a model, a rule or a segment quiet until a time, with a reason."), no_args_is_help=True
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="silence")


@app.command("list")
def list_(config: ConfigOption = CONFIG, now: NowOption = None, json: JsonOption = False) -> None:
    """Print silences, the newest first."""
    from core.dates import local_time
    from store import silences

    asked = open_session(config, now)
    with asked.store.read() as session:
        rows = silences.silences(session)
    active = [row.ended_at is None and row.until > asked.now for row in rows]
    if json:
        print_json(
            [
                {
                    "id": row.id, "model": row.model, "rule": row.rule, "segment": row.segment,
                    "until": row.until, "reason": row.reason, "actor": row.actor, "active": on,
                }
                for row, on in zip(rows, active, strict=True)
            ]
        )  # fmt: skip
        return
    zone = asked.project.zone
    print_table(
        [_("id"), _("model"), _("rule"), _("segment"), _("until"), _("reason"), _("who"), _("holds")],
        [
            (
                row.id,
                row.model or _("all"),
                row.rule or _("all"),
                row.segment or _("all"),
                local_time(row.until, zone),
                row.reason,
                row.actor,
                _("yes") if on else _("no"),
            )
            for row, on in zip(rows, active, strict=True)
        ],
        _("Nothing is silenced."),
    )


@app.command()
def add(
    reason: Annotated[str, typer.Argument(help=_("Why."))],
    until: Annotated[
        str, typer.Option("--until", help=_("Until when: a time, or a length like 3d or 4h."), metavar="TIME")
    ],
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    rule: Annotated[str, typer.Option("--rule", help=_("Only this rule."), metavar="RULE")] = "",
    segment: Annotated[
        str, typer.Option("--segment", help=_("Only this segment: region=north."), metavar="SEGMENT")
    ] = "",
    now: NowOption = None,
) -> None:
    """Keep something quiet; its alerts are written, but open no ticket and send nothing."""
    from store import silences

    asked = open_session(config, now)
    end = _until(until, asked.now) or parse_time(until, asked.project.zone, "--until")
    if end is None or end <= asked.now:
        raise GoalkeeperError(
            _("{until} is over already.").format(until=until), hint=_("Name a time in the future.")
        )
    name = "" if model is None else chosen_models(asked.project, model)[0]
    with asked.store.write() as session:
        row = silences.add(
            session, model=name, rule=rule, segment=segment, until=end, reason=reason, actor=asked.actor,
            now=asked.now,
        )  # fmt: skip
    typer.echo(_("Silence {id} holds.").format(id=row.id))


@app.command()
def end(
    silence: Annotated[int, typer.Argument(help=_("The silence's number."), metavar="ID")],
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """End a silence before its time."""
    from store import silences

    asked = open_session(config, now)
    with asked.store.write() as session:
        row = silences.end(session, silence, now=asked.now)
    if row is None:
        raise GoalkeeperError(
            _("There is no silence {id}.").format(id=silence), hint=_("See `goalkeeper silence list`.")
        )
    typer.echo(_("Silence {id} has ended.").format(id=row.id))


def _until(text: str, now: datetime) -> datetime | None:
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    if text[:-1].isdigit() and text[-1:] in units:
        return now + int(text[:-1]) * units[text[-1]]
    return None
