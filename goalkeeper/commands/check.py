"""`goalkeeper check`: open everything, say what is there, send nothing."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

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
    print_json,
)

if TYPE_CHECKING:
    from goalkeeper.checking import Found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Open every source and say what it found; sends nothing."))(check)


def check(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    alive: Annotated[
        str | None,
        typer.Option(
            "--alive", help=_("Only tell whether a pass ended within this time: 2h, 30m."), metavar="LENGTH"
        ),
    ] = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Check configuration, store, sources and channels; exits with 1 when something is wrong."""
    asked = open_session(config, now)
    if alive is not None:
        _alive(asked, alive)
        return
    from goalkeeper.checking import check_channels, check_model

    found = [check_model(asked.project, name, asked.now) for name in chosen_models(asked.project, model)]
    channels = check_channels(asked.project)
    if json:
        print_json(
            {"models": [one.as_json() for one in found], "channels": channels, "store": asked.store.url}
        )
    else:
        typer.echo(_("store: {url}").format(url=asked.store.url))
        for name, error in channels.items():
            typer.echo(_("channel {name}: {state}").format(name=name, state=error or _("ready")))
        for one in found:
            _tell(one)
    if any(not one.ok for one in found) or any(channels.values()):
        raise typer.Exit(1)
    if not json:
        typer.echo(_("All is well. Next: `goalkeeper collect`."))


def _tell(found: "Found") -> None:
    typer.echo(f"\n{found.model}")
    for source in found.sources:
        typer.echo(f"  {source.name}: {source.described}")
        for line in source.lines:
            typer.echo(f"    {line}")
        if source.error:
            typer.echo(f"    ✗ {source.error}", err=True)
    for line in found.lines:
        typer.echo(f"  {line}")
    if found.error:
        typer.echo(f"  ✗ {found.error}", err=True)


def _alive(asked: Any, text: str) -> None:
    from core.config.values import parse_duration
    from goalkeeper.clock import now
    from store.heartbeats import PASS, last_beat

    try:
        limit: timedelta = parse_duration(text)
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is not a length of time; write 2h, 30m or 1d.").format(text=text),
            param_hint="--alive",
        ) from None
    with asked.store.read() as session:
        last = last_beat(session, PASS)
    if last is None:
        raise GoalkeeperError(
            _("No pass of the scheduler has ended yet."), hint=_("Start it: `goalkeeper serve`.")
        )
    if now() - last > limit:
        raise GoalkeeperError(
            _("The last pass ended at {last}, more than {limit} ago.").format(
                last=last.isoformat(timespec="seconds"), limit=text
            ),
            hint=_("Is `goalkeeper serve` running? Its log says what stopped it."),
        )
    typer.echo(_("The last pass ended at {last}.").format(last=last.isoformat(timespec="seconds")))
