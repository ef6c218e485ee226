"""Add a model to an existing goalkeeper.yaml and leave everything else in it as it stands."""

import re
from collections import Counter
from pathlib import Path

from core.config import ConfigError, load
from core.errors import GoalkeeperError
from core.files import write_atomically
from core.text import gettext as _
from goalkeeper.init.guess import Proposal
from goalkeeper.init.render import model_lines

_MODELS = re.compile(r"models\s*:\s*(?P<value>[^#]*?)\s*(?P<comment>#.*)?$")


def add_model(config: Path, name: str, proposal: Proposal | None) -> None:
    """Write a model at the end of `models:`; comments and order stay.

    A file that would have new mistakes afterwards stays as it was.

    Raises:
        ConfigError: the file is not valid as it is.
        GoalkeeperError: the name is taken, or `models:` is written on one line.
    """
    before = _problems(config)
    if before is None and name in load(config).models:
        raise GoalkeeperError(
            _("{file} has a model '{name}' already.").format(file=config, name=name),
            hint=_("Choose another name with --model."),
        )
    old = config.read_bytes()
    text = old.decode("utf-8")
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    write_atomically(config, newline.join(_added(lines, name, proposal, config)).encode("utf-8"))
    after = _problems(config)
    if after is not None and (before is None or _told(after) - _told(before)):
        write_atomically(config, old)
        raise before or after


def _problems(config: Path) -> ConfigError | None:
    try:
        load(config)
    except ConfigError as error:
        return error
    return None


def _told(error: ConfigError) -> Counter[tuple[str, str]]:
    return Counter((problem.key, problem.message) for problem in error.problems)


def _added(lines: list[str], name: str, proposal: Proposal | None, config: Path) -> list[str]:
    place = next((i for i, line in enumerate(lines) if _MODELS.match(line)), None)
    if place is None:
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        return [*lines, "", "models:", *model_lines(proposal, name, config.parent), ""]
    match = _MODELS.match(lines[place])
    assert match is not None
    if match["value"] not in ("", "{}", "~", "null"):
        raise GoalkeeperError(
            _("{file}: `models:` is written on one line and cannot be added to.").format(file=config),
            hint=_("Write each model on lines of its own below `models:`."),
        )
    if match["value"]:
        lines = [*lines[:place], f"models:  {match['comment'] or ''}".rstrip(), *lines[place + 1 :]]
    end, indent = place + 1, "  "
    for i in range(place + 1, len(lines)):
        line = lines[i]
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            break
        if end == place + 1 and not line.lstrip().startswith("#"):
            indent = line[: len(line) - len(line.lstrip())]
        end = i + 1
    made = model_lines(proposal, name, config.parent, indent)
    rest = lines[end:] or [""]
    return [*lines[:end], *made, *rest]
