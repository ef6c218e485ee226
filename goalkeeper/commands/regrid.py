"""`goalkeeper regrid`: new bins from the reference in force, or windows cut anew, and everything counted."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    NowOption,
    Session,
    chosen_models,
    open_session,
)

if TYPE_CHECKING:
    from collectors.planning import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        help=_(
            "Make new bins from the reference in force and collect again on them; "
            "where time zone or grain changed, cut windows anew instead."
        )
    )(regrid)


def regrid(
    model: Annotated[str, typer.Argument(help=_("Which model."), metavar="MODEL")],
    reason: Annotated[str, typer.Option("--reason", help=_("Why, for the mark on the time axis."))] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help=_("Do it; without this it is only told what would happen."))
    ] = False,
    config: ConfigOption = CONFIG,
    now: NowOption = None,
) -> None:
    """Make a new grid set and collect again as far as the log reaches; ended in the middle, it goes on."""
    from collectors.planning import plan_of
    from core.errors import GoalkeeperError
    from goalkeeper.commands.plan import what_happens
    from store import grids, models, references, windows
    from store.grids import Regrid

    asked = open_session(config, now)
    (name,) = chosen_models(asked.project, model)
    configured = asked.project.models[name]
    with asked.store.read() as session:
        found = plan_of(session, configured, regrid=True)
    if found.cut:
        _cut_anew(asked, name, found, reason, confirm=confirm)
        return
    with asked.store.read() as session:
        row = models.model(session, name)
        before = None if row is None else row.grid_set
        if before is None or references.current_reference(session, name) is None:
            raise GoalkeeperError(
                _("{model} has no reference yet, so there is nothing to make bins from.").format(model=name),
                hint=_("Run `goalkeeper collect` until a window is complete."),
            )
    if not confirm:
        typer.echo(f"{name}: {what_happens(found, asked)}")
        typer.echo(_("Comparisons across the old and the new bins will answer 'not comparable'."))
        typer.echo(_("Nothing was done; `--confirm` does it."), err=True)
        raise typer.Exit(2)
    with asked.store.write() as session:
        grids.ask_regrid(session, name, Regrid(actor=asked.actor, reason=reason))
    counted = _collect(asked, name)
    with asked.store.write() as session:
        impossible = grids.asked_regrid(session, name) is not None
        grids.ask_regrid(session, name, None)
    if impossible:
        raise GoalkeeperError(
            _("The log of {model} no longer reaches the reference in force.").format(model=name),
            hint=_("Set one that it reaches: `goalkeeper reference propose`."),
        )
    with asked.store.read() as session:
        row = models.model(session, name)
        after = None if row is None else row.grid_set
        held = windows.windows(session, name, configured.grain)
    left = sum(one.grid_set != after for one in held)
    if after == before and not counted:
        typer.echo(_("{model}: the bins come out the same; nothing was collected again.").format(model=name))
        return
    done = ngettext("{n} window", "{n} windows", counted).format(n=counted)
    typer.echo(
        _("{model}: grid set {id}, {windows} collected on it").format(model=name, id=after, windows=done)
    )
    if left:
        text = ngettext(
            "{n} window that the log no longer reaches stays on the old one: not comparable",
            "{n} windows that the log no longer reaches stay on the old one: not comparable",
            left,
        )
        typer.echo(text.format(n=left))


def _cut_anew(asked: Session, name: str, found: "Plan", reason: str, *, confirm: bool) -> None:
    """Drop the windows that a changed zone or grain would count twice, and collect again."""
    from goalkeeper.commands.plan import what_changed, what_happens
    from goalkeeper.jobs.recut import recut
    from goalkeeper.jobs.turn import turn

    if not confirm:
        typer.echo(f"{name}: {what_happens(found, asked)}")
        for line in what_changed(found):
            typer.echo(f"  {line}")
        typer.echo(_("All of them would be dropped, and collected again as far as the log reaches."))
        typer.echo(_("Nothing was done; `--confirm` does it."), err=True)
        raise typer.Exit(2)
    model = asked.project.models[name]
    with turn(asked.store, f"model {name}", asked.project.schedule.lease) as held:
        dropped = recut(model=model, store=held, now=asked.now, actor=asked.actor, reason=reason)
    counted = _collect(asked, name)
    gone = ngettext("{n} window", "{n} windows", dropped).format(n=dropped)
    done = ngettext("{n} window", "{n} windows", counted).format(n=counted)
    typer.echo(_("{model}: {gone} dropped, {done} collected again").format(model=name, gone=gone, done=done))


def _collect(asked: Session, name: str) -> int:
    """Run a pass over one model; return how many windows were collected."""
    from goalkeeper.jobs.passes import run_pass
    from goalkeeper.progress import progress_bar

    with progress_bar() as progress:
        result = run_pass(
            project=asked.project, store=asked.store, now=asked.now, models=(name,), deliver=False,
            actor=asked.actor, progress=progress,
        )  # fmt: skip
    for one in result.models:
        for note in one.notes:
            typer.echo(f"  ! {note}", err=True)
        if one.error:
            typer.echo(f"{name}: {one.error}", err=True)
            typer.echo(_("What is left is done by the next pass, or by this command again."), err=True)
            raise typer.Exit(1)
    return sum(one.windows for one in result.models)
