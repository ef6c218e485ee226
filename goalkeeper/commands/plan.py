"""`goalkeeper plan`: what the configuration means for what is stored, before it happens."""

from typing import TYPE_CHECKING, Any

import typer

from core.text import gettext as _
from core.text import ngettext
from goalkeeper.commands.options import (
    CONFIG,
    ConfigOption,
    JsonOption,
    ModelOption,
    Session,
    chosen_models,
    open_session,
    print_json,
)

if TYPE_CHECKING:
    from collectors.planning import Plan

MOST = 8
LONG = 60


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_("Say what a changed configuration will do at the next pass."))(plan)


def plan(config: ConfigOption = CONFIG, model: ModelOption = None, json: JsonOption = False) -> None:
    """Compare the file with what was collected."""
    from collectors.planning import plan_of
    from store import models

    asked = open_session(config)
    rows: list[dict[str, Any]] = []
    with asked.store.read() as session:
        for name in chosen_models(asked.project, model):
            found = plan_of(session, asked.project.models[name])
            keys = [{"key": key, "was": was, "is": now} for key, (was, now) in found.change.keys.items()]
            rows.append(
                {
                    "model": name, "does": found.does.value, "windows": found.windows, "since": found.since,
                    "stays": found.stays, "keys": keys, "why": what_happens(found, asked),
                    "changes": what_changed(found),
                }
            )  # fmt: skip
        if model is None:
            for row in models.models(session):
                if row.name not in asked.project.models:
                    why = _("no longer in the file: what was collected stays, nothing more is")
                    rows.append({"model": row.name, "does": "keep", "why": why})
    if json:
        print_json(rows)
        return
    for one in rows:
        typer.echo(f"{one['model']}: {one['why']}")
        for line in one.get("changes", ()):
            typer.echo(f"  {line}")


def what_happens(found: "Plan", asked: Session) -> str:
    """Say what the next pass will do about the windows of a model."""
    from collectors.planning import Does
    from core.dates import local_day

    windows = ngettext("{n} window", "{n} windows", found.windows).format(n=found.windows)
    day = "" if found.since is None else local_day(found.since, asked.project.zone, year=True)
    span = _("{windows}, since {day}").format(windows=windows, day=day) if day else windows
    if found.does is Does.COLLECT:
        return _("new: everything is collected at the next pass")
    if found.does is Does.REFUSE:
        text = _("the next pass is refused: {windows} in the store are cut otherwise").format(windows=windows)
        if not found.stays:
            return text
        lost = ngettext(
            "{n} of them the log no longer reaches", "{n} of them the log no longer reaches", found.stays
        )
        return text + "; " + lost.format(n=found.stays)
    if found.does is Does.COLLECT_AGAIN:
        text = _("collected again: {span}").format(span=span)
    elif found.does is Does.OUTCOMES:
        text = _("outcomes collected again: {span}; what was predicted is not read again").format(span=span)
    elif found.does is Does.COMPUTE:
        return _("computed again: {span}; of the sources only the reference is read").format(span=span)
    else:
        return _("nothing to collect again; rules and goals are judged anew at each pass anyway")
    if found.stays:
        stay = ngettext(
            "{n} window that the log no longer reaches stays as it was counted",
            "{n} windows that the log no longer reaches stay as they were counted",
            found.stays,
        )
        text += "; " + stay.format(n=found.stays)
    return text


def what_changed(found: "Plan") -> list[str]:
    """Say why: which keys of the file changed, or what else."""
    lines = []
    for key, was, now in found.cut:
        lines.append(
            _(
                "`{key}` was {was} and is {now}: put {was} back, or let `goalkeeper regrid` drop all windows "
                "and collect again"
            ).format(key=key, was=was, now=now)
        )
    if found.regrid:
        lines.append(_("a new grid set was asked for (`goalkeeper regrid`)"))
    if found.chosen:
        lines.append(_("another reference was set (`goalkeeper reference set`)"))
    if found.left:
        lines.append(
            _("an earlier pass did not come to its end, or this version of Goalkeeper counts otherwise")
        )
    if found.change.taken:
        columns = ", ".join(found.change.taken)
        lines.append(
            _("no longer watched as features, because the file names them otherwise: {columns}").format(
                columns=columns
            )
        )
    changed = _keys(found)
    rest = len(changed) - MOST
    lines += changed[:MOST]
    if rest > 0:
        lines.append(ngettext("and {n} more key", "and {n} more keys", rest).format(n=rest))
    if found.change.metrics and not changed and not found.cut:
        lines.append(_("which keys changed is not known: the model was collected before they were kept"))
    return lines


def _keys(found: "Plan") -> list[str]:
    """Name what changed, a part of the file that is new or gone as a whole."""
    from collectors.changing import part_of

    changed = found.change.keys
    were, are = ({part_of(key) for key, both in changed.items() if both[i]} for i in (0, 1))
    lines = []
    for key, (was, now) in changed.items():
        part = part_of(key)
        text = _("`{key}`: {was} → {now}").format(key=key, was=_short(was), now=_short(now))
        if part != key and part not in found.change.kept:
            if part not in were:
                text = _("`{part}` is new").format(part=part)
            elif part not in are:
                text = _("`{part}` is gone").format(part=part)
        lines.append(text)
    return list(dict.fromkeys(lines))


def _short(text: str) -> str:
    if not text:
        return "—"
    return text if len(text) <= LONG else text[: LONG - 1] + "…"
