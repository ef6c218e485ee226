"""`goalkeeper reference`: what 'normal' is measured against."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    NowOption,
    Session,
    chosen_models,
    open_session,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from core.config import Model
    from core.grid import GridSet
    from store.references import Chosen
    from store.tables import ReferenceRow

app = typer.Typer(help=_("What 'normal' is measured against."), no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="reference")


@app.command()
def show(
    config: ConfigOption = CONFIG, model: ModelOption = None, now: NowOption = None, json: JsonOption = False
) -> None:
    """Print the reference in force of each model, its age and its grids."""
    from core.config import configuration_keys
    from core.dates import length_text
    from reports.query import Query
    from reports.references import stale
    from store import grids, references
    from store.registered import own_versions

    asked = open_session(config, now)
    query = Query(store=asked.store, project=asked.project)
    rows: list[dict[str, Any]] = []
    for name in chosen_models(asked.project, model):
        configured = asked.project.models[name]
        with asked.store.read() as session:
            row = references.current_reference(session, name)
            if row is None:
                continue
            grid = grids.grid_set(session, row.grid_set)
            keys = configuration_keys(configured)
            chosen = references.chosen_reference(session, name, keys)
            settled = references.is_settled(session, name, keys)
            own = {
                one: references.current_reference(session, name, one)
                for one in own_versions(session, configured)
            }
        rows.append(
            {
                "model": name, "form": _form(configured, chosen), "kind": row.kind,
                "description": row.description, "windows": row.windows, "rows": row.rows, "first": row.first,
                "last": row.last, "since": row.created_at,
                "age": length_text(asked.now - (row.last or row.created_at)), "grid_set": row.grid_set,
                "columns": len(grid.columns), "grids": _grids(grid),
                "versions": [_own(asked, version, found) for version, found in own.items()],
                "settled": settled, "set": None if chosen is None else _set(chosen, settled),
                "notices": [one.text for one in stale(query, configured, asked.now)],
            }
        )  # fmt: skip
    if json:
        print_json(rows)
        return
    print_table(
        [_("model"), _("what"), _("rows"), _("windows"), _("from"), _("to"), _("age"), _("grid set")],
        [
            (
                row["model"], row["description"], f"{row['rows']:,}", row["windows"] or _("no times"),
                _day(row["first"], asked), _day(row["last"], asked), row["age"], row["grid_set"],
            )
            for row in rows
        ],
        _("No reference yet: run `goalkeeper collect`."),
    )  # fmt: skip
    _print_versions(rows, asked)
    for one in rows:
        _say_more(one)
    if len(rows) == 1:
        print_table(
            [_("column"), _("grid"), _("bins"), _("what")],
            [(one["column"], one["kind"], one["bins"], one["what"]) for one in rows[0]["grids"]],
            _("No column is watched."),
        )


@app.command()
def propose(
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    windows: Annotated[int, typer.Option("--windows", min=1, help=_("How many quiet windows."))] = 28,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Look for the last mature windows in which no alert of harm fired; nothing is changed."""
    from reports.query import Query
    from reports.references import propose as look

    asked = open_session(config, now)
    query = Query(store=asked.store, project=asked.project)
    found = {
        name: look(query, asked.project.models[name], asked.now, wanted=windows)
        for name in chosen_models(asked.project, model)
    }
    if json:
        print_json(
            [
                {
                    "model": name, "from": one.since, "to": one.until, "windows": one.windows,
                    "reason": one.reason, "distances": one.distances,
                    "present": None if one.present is None else
                    {"first": one.present.first, "last": one.present.last, "windows": one.present.windows},
                }
                for name, one in found.items()
            ]
        )  # fmt: skip
        return
    for name, one in found.items():
        if one.since is None or one.until is None:
            typer.echo(f"{name}: {one.reason}")
            continue
        count = ngettext("{n} quiet window", "{n} quiet windows", one.windows).format(n=one.windows)
        typer.echo(f"{name}: " + _("{since} to {until}, {windows}").format(
            since=one.since, until=one.until, windows=count))  # fmt: skip
        if one.present is not None:
            typer.echo("  " + _("in place of: {what}").format(what=one.present.description))
        print_table(
            [_("column"), _("distance to the reference in force")],
            [(column, "—" if value is None else f"{value:.3f}") for column, value in one.distances.items()],
            _("No column is watched."),
        )
        typer.echo(_("In the file:"))
        typer.echo(f"    reference: {{from: {one.since}, to: {one.until}}}")
        typer.echo(_("or, without changing it:"))
        typer.echo(
            f"    goalkeeper reference set --model {name} --from {one.since} --to {one.until}"
            f' --reason "…" --confirm'
        )


@app.command("set")
def set_(
    since: Annotated[
        str | None, typer.Option("--from", help=_("The first day of the log in it."), metavar="DAY")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help=_("The first day after it."), metavar="DAY")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", help=_("A file with the columns of the log."), metavar="FILE")
    ] = None,
    as_in_file: Annotated[
        bool, typer.Option("--as-in-file", help=_("Go back to what the configuration says."))
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help=_("Why, for the mark on the time axis."))] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help=_("Do it; without this it is only told what would happen."))
    ] = False,
    config: ConfigOption = CONFIG,
    model: ModelOption = None,
    now: NowOption = None,
) -> None:
    """Put another reference in force from the next pass on; the bins stay (`regrid` makes new ones)."""
    from core.config import configuration_keys
    from store import marks, references
    from store.references import Chosen, of_reference

    asked = open_session(config, now)
    name = _the_model(asked, model)
    configured = asked.project.models[name]
    first, last = _as_day(since, "--from"), _as_day(until, "--to")
    forms = [first is not None or last is not None, path is not None, as_in_file]
    if sum(forms) != 1 or (forms[0] and (first is None or last is None)):
        raise typer.BadParameter(
            _("Say one: --from DAY --to DAY, --path FILE or --as-in-file."), param_hint="--from"
        )
    if first is not None and last is not None and last <= first:
        raise typer.BadParameter(_("The range ends before it starts."), param_hint="--to")
    chosen = None
    if not as_in_file:
        chosen = Chosen(
            since=first, until=last, path=path or "", instead_of=of_reference(configuration_keys(configured)),
            actor=asked.actor, reason=reason, at=asked.now,
        )  # fmt: skip
    lines = _what_changes(asked, name, chosen)
    for line in lines:
        typer.echo(line)
    if not confirm:
        typer.echo(_("Nothing was done; `--confirm` does it."), err=True)
        raise typer.Exit(2)
    if not reason:
        raise typer.BadParameter(_("Say why: comparisons change."), param_hint="--reason")
    with asked.store.write() as session:
        references.choose_reference(session, name, chosen)
        text = _("Reference set: {what}").format(what=_words(chosen))
        marks.add_mark(
            session, model=name, kind="configuration", start=asked.now, actor=asked.actor, now=asked.now,
            text=marks.with_reason(text, reason),
        )  # fmt: skip
    typer.echo(_("Set. The next pass puts it in force: `goalkeeper collect`."))


def _what_changes(asked: Session, name: str, chosen: "Chosen | None") -> list[str]:
    """Check that the reference can be read and say what becomes of comparisons."""
    from core.errors import GoalkeeperError
    from store import references, windows
    from store.normal import is_moving

    configured = asked.project.models[name]
    if is_moving(configured):
        raise GoalkeeperError(
            _("The reference of {model} moves along with the log; no other can stand beside it.").format(
                model=name
            ),
            hint=_("Change `reference:` in the file; `goalkeeper plan` says what that means."),
        )
    with asked.store.read() as session:
        present = references.current_reference(session, name)
        held = [one for one in windows.windows(session, name, configured.grain) if one.state == "ok"]
    if present is None:
        raise GoalkeeperError(
            _("{model} has no reference yet.").format(model=name),
            hint=_("Run `goalkeeper collect` until a window is complete."),
        )
    lines = [_("from: {what}").format(what=present.description), _("to: {what}").format(what=_words(chosen))]
    if chosen is not None and chosen.path:
        lines += _of_file(asked, configured, chosen)
    elif chosen is not None and chosen.since is not None and chosen.until is not None:
        start, end = (
            datetime.combine(day, datetime.min.time(), tzinfo=asked.project.zone)
            for day in (chosen.since, chosen.until)
        )
        inside = [one for one in held if one.start >= start and one.end <= end]
        if not inside:
            raise GoalkeeperError(
                _("Nothing was collected from {since} to {until}.").format(
                    since=chosen.since, until=chosen.until
                ),
                hint=_("There are windows from {first} to {last}.").format(
                    first=_day(held[0].start, asked), last=_day(held[-1].end, asked)
                )
                if held
                else _("Run `goalkeeper collect` first."),
            )
        lines.append(ngettext("{n} window in it", "{n} windows in it", len(inside)).format(n=len(inside)))
        if len(inside) < 14:
            lines.append(
                _("Fewer than 14 windows say nothing of how much days differ: rules learn that anew.")
            )
    compared = ngettext("{n} window is compared anew", "{n} windows are compared anew", len(held))
    lines.append(compared.format(n=len(held)) + "; " + _("the bins stay, nothing is collected again"))
    return lines


def _of_file(asked: Session, configured: "Model", chosen: "Chosen") -> list[str]:
    """Open a file as the reference and name the watched columns that it lacks."""
    from collectors.engines import Engines
    from collectors.opening import open_sources, reference_as
    from store import models

    engines = Engines(memory=asked.project.memory_limit)
    try:
        opened = reference_as(open_sources(asked.project, configured, engines), asked.project, chosen)
        assert opened.reference is not None
        opened.reference.source.slices({}, asked.now)
        held = {info.name for info in opened.reference.source.columns()}
    finally:
        engines.close()
    with asked.store.read() as session:
        row = models.model(session, configured.name)
    watched = {} if row is None else row.features.get("columns", {})
    gone = [column for column in watched if column not in held]
    if not gone:
        return []
    return [
        _("not compared any more, because it does not hold them: {columns}").format(columns=", ".join(gone))
    ]


def _own(asked: Session, version: str, row: "ReferenceRow | None") -> dict[str, Any]:
    """Return what is known of a version's own reference; all but its name is None while it is not counted."""
    from core.dates import length_text

    facts = ("kind", "description", "windows", "rows", "first", "last", "grid_set")
    age = None if row is None else length_text(asked.now - (row.last or row.created_at))
    return {"version": version, **{name: getattr(row, name, None) for name in facts}, "age": age}


def _print_versions(rows: Sequence[Mapping[str, Any]], asked: Session) -> None:
    told = [
        (
            row["model"], one["version"], one["description"] or _("counted by the next pass"),
            "" if one["rows"] is None else f"{one['rows']:,}", one["windows"] or "",
            _day(one["first"], asked), _day(one["last"], asked), one["age"],
        )
        for row in rows
        for one in row["versions"]
    ]  # fmt: skip
    if told:
        print_table(
            [_("model"), _("version"), _("its own"), _("rows"), _("windows"), _("from"), _("to"), _("age")],
            told,
            "",
        )


def _form(configured: "Model", chosen: "Chosen | None") -> str:
    if chosen is not None:
        return "source" if chosen.path else "range"
    return "windows" if configured.reference is None else configured.reference.form


def _words(chosen: "Chosen | None") -> str:
    if chosen is None:
        return _("as the file says")
    if chosen.path:
        return chosen.path
    return _("{since} to {until}").format(since=chosen.since, until=chosen.until)


def _set(chosen: "Chosen", in_force: bool) -> dict[str, Any]:
    return {
        "what": _words(chosen), "actor": chosen.actor, "reason": chosen.reason, "at": chosen.at,
        "in_force": in_force,
    }  # fmt: skip


def _grids(grid: "GridSet") -> list[dict[str, Any]]:
    """Summarise the grid of each column, the score's last."""
    from core.grid import NumericGrid

    found: list[dict[str, Any]] = []
    every = dict(grid.columns) | ({} if grid.score is None else {"@score": grid.score})
    for column, one in every.items():
        if isinstance(one, NumericGrid):
            what = f"{one.edges[0]:.6g} … {one.edges[-1]:.6g}"
        else:
            what = ", ".join(one.levels[:5]) + ("…" if len(one.levels) > 5 else "")
        found.append({"column": column, "kind": one.kind, "bins": one.bins, "what": what})
    return found


def _say_more(row: dict[str, Any]) -> None:
    name = row["model"]
    if row["form"] in ("rolling", "same_period"):
        typer.echo(
            f"{name}: " + _("it moves along with each window; what is shown is what the bins came from")
        )
    if row["set"] is not None:
        text = _("set by {actor}: {what}").format(actor=row["set"]["actor"], what=row["set"]["what"])
        if row["set"]["reason"]:
            text += f" ({row['set']['reason']})"
        if not row["set"]["in_force"]:
            text += "; " + _("in force from the next pass on")
        typer.echo(f"{name}: {text}")
    elif not row["settled"]:
        typer.echo(f"{name}: " + _("another one is in force from the next pass on"))
    for notice in row["notices"]:
        typer.echo(f"{name}: ! {notice}")


def _day(moment: datetime | None, asked: Session) -> str:
    from core.dates import local_day

    return "—" if moment is None else local_day(moment, asked.project.zone, year=True)


def _as_day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is not a day; write 2026-03-01.").format(text=text), param_hint=option
        ) from None


def _the_model(asked: Session, model: str | None) -> str:
    """Return the named model, or the only one."""
    names = chosen_models(asked.project, model)
    if len(names) != 1:
        raise typer.BadParameter(
            _("Say which model: {known}.").format(known=", ".join(names)), param_hint="--model"
        )
    return names[0]
