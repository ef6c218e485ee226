"""`goalkeeper tickets`: the work that incidents ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.text import gettext as _
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    Session,
    chosen_models,
    open_session,
    parse_time,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as Db

    from store.tables import TicketRow

app = typer.Typer(help=_("The work that incidents ask for."), no_args_is_help=True)
TicketArgument = Annotated[int, typer.Argument(help=_("The ticket's number."), metavar="ID")]
TextOption = Annotated[str, typer.Option("--text", help=_("Words for the trail."), metavar="TEXT")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="tickets")


@app.command("list")
def list_(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    every: Annotated[bool, typer.Option("--all", help=_("Closed ones too."))] = False,
    json: JsonOption = False,
) -> None:
    """Print tickets, the newest first."""
    from core.dates import local_time
    from core.rules import TicketState
    from store import tickets

    asked = open_session(config)
    wanted = chosen_models(asked.project, model)
    with asked.store.read() as session:
        rows = [row for row in tickets.tickets(session) if row.model in wanted]
    rows = [row for row in rows if every or json or row.state != TicketState.CLOSED]
    if json:
        print_json([_plain(row) for row in rows])
        return
    zone = asked.project.zone
    print_table(
        [_("id"), _("model"), _("asks for"), _("state"), _("severity"), _("opened"), _("title")],
        [
            (
                row.id,
                row.model,
                row.kind,
                row.resolution or row.state,
                row.severity,
                local_time(row.opened_at, zone),
                row.title,
            )
            for row in rows
        ],
        _("No ticket is open.") if not every else _("No tickets yet."),
    )


@app.command()
def show(ticket: TicketArgument, config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """Print one ticket: its findings, its retraining and its trail; with --json all that a pipeline needs."""
    from alerts import tickets as desk
    from alerts.readiness import readiness
    from core.dates import local_time
    from core.foreign import one_line
    from goalkeeper.jobs.brief import brief_of
    from reports.proofs import progress
    from store import tickets

    asked = open_session(config)
    with asked.store.read() as session:
        row = desk.find(session, ticket)
        trail = tickets.events(session, row.id)
        brief = brief_of(session, asked.project, row, asked.now)
        model = asked.project.models.get(row.model)
        checks = readiness(session, model, row, asked.now)
        steps = progress(session, row, model, checks, asked.project.zone)
    if json:
        events = [
            {"at": event.at, "actor": event.actor, "action": event.action, "detail": event.detail}
            for event in trail
        ]
        print_json(_plain(row) | {"evidence": row.evidence, "hand_over": brief, "trail": events})
        return
    zone = asked.project.zone
    typer.echo(one_line(f"#{row.id} {row.title}"))
    typer.echo(f"{row.model} · {row.kind} · {row.severity} · {row.resolution or row.state}")
    for finding in row.evidence.get("findings", ()):
        typer.echo(f"  - {one_line(finding['reason'])}")
    for step in steps:
        typer.echo(f"  {step.sign} {one_line(step.text, limit=2000)}")
    for event in trail:
        words = event.detail.get("text") or event.detail.get("reason") or event.detail.get("to") or ""
        told = one_line(f"{event.actor}: {event.action} {words}", limit=2000)
        typer.echo(f"  {local_time(event.at, zone)}  {told}")


@app.command()
def ack(ticket: TicketArgument, config: ConfigOption = CONFIG, now: NowOption = None) -> None:
    """Say that you are on it: the ticket is no longer overdue; it changes nothing else."""
    from alerts.tickets import acknowledge

    _act(config, now, lambda session, asked: acknowledge(session, ticket, actor=asked.actor, now=asked.now))


@app.command()
def assign(
    ticket: TicketArgument,
    to: Annotated[str, typer.Argument(help=_("Who works on it; '' for nobody."))],
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Give it to somebody."""
    from alerts.tickets import assign

    _act(config, now, lambda session, asked: assign(session, ticket, to, actor=asked.actor, now=asked.now))


@app.command()
def comment(
    ticket: TicketArgument,
    text: Annotated[str, typer.Argument(help=_("What to add."))],
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Add words to the trail."""
    from alerts.tickets import comment

    _act(config, now, lambda session, asked: comment(session, ticket, text, actor=asked.actor, now=asked.now))


@app.command()
def dismiss(
    ticket: TicketArgument,
    why: Annotated[str, typer.Argument(help=_("false_alarm, known_cause or duplicate."))],
    text: TextOption = "",
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Close it without work; only a false alarm counts against the budget."""
    from alerts.tickets import dismiss

    _act(
        config,
        now,
        lambda session, asked: dismiss(session, ticket, why, text=text, actor=asked.actor, now=asked.now),
    )


@app.command()
def accept(
    ticket: TicketArgument,
    since: Annotated[
        str, typer.Option("--from", help=_("The day from which the level is normal."), metavar="TIME")
    ],
    reason: Annotated[str, typer.Option("--reason", help=_("Why it is normal."), metavar="TEXT")],
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Close it and take the level as the new normal."""
    from alerts.tickets import accept

    def run(session: "Db", asked: Session) -> "TicketRow":
        day = parse_time(since, asked.project.zone, "--from")
        assert day is not None
        return accept(session, ticket, since=day, reason=reason, actor=asked.actor, now=asked.now)

    _act(config, now, run)


@app.command()
def close(
    ticket: TicketArgument, text: TextOption = "", config: ConfigOption = CONFIG, now: NowOption = None
) -> None:
    """Close what is mended; refused while one of its alerts still fires."""
    from alerts.tickets import close

    _act(
        config,
        now,
        lambda session, asked: close(session, ticket, text=text, actor=asked.actor, now=asked.now),
    )


@app.command()
def retrain(ticket: TicketArgument, config: ConfigOption = CONFIG, now: NowOption = None) -> None:
    """Ask for a retraining, or approve the one that waits; the next pass starts it."""
    from alerts.retraining import ask

    asked = open_session(config, now)
    with asked.store.write() as session:
        ask(session, asked.project, ticket, actor=asked.actor, now=asked.now)
    typer.echo(_("Asked for: the next pass starts it."))


@app.command()
def retrained(
    ticket: TicketArgument,
    version: Annotated[
        str, typer.Option("--version", help=_("The version that it made."), metavar="VERSION")
    ] = "",
    failed: Annotated[str, typer.Option("--failed", help=_("Why it failed."), metavar="TEXT")] = "",
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Say what came of a retraining that Goalkeeper cannot follow."""
    from alerts.retraining import said

    if bool(version) == bool(failed):
        raise typer.BadParameter(_("Name either --version or --failed."))
    asked = open_session(config, now)
    with asked.store.write() as session:
        said(session, asked.project, ticket, version=version, failed=failed, actor=asked.actor, now=asked.now)
    typer.echo(_("Noted."))


def _act(config: Any, now: str | None, act: Callable[["Db", Session], "TicketRow"]) -> None:
    asked = open_session(config, now)
    with asked.store.write() as session:
        row = act(session, asked)
    typer.echo(_("Ticket {id} is {state}.").format(id=row.id, state=row.resolution or row.state))


def _plain(row: "TicketRow") -> dict[str, Any]:
    return {
        "id": row.id, "key": row.key, "model": row.model, "incident": row.incident_id, "kind": row.kind,
        "state": row.state, "severity": row.severity, "title": row.title, "assignee": row.assignee,
        "resolution": row.resolution, "dismissal": row.dismissal, "opened_at": row.opened_at,
        "acknowledge_by": row.acknowledge_by, "acknowledged_at": row.acknowledged_at,
        "closed_at": row.closed_at,
    }  # fmt: skip
