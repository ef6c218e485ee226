"""Write the guess as a commented goalkeeper.yaml, or add a model to a file that is there."""

import json
import re
from pathlib import Path

from core.config import ConfigError, Task, load
from core.config.tree import Branch, Reader
from core.errors import GoalkeeperError
from core.files import write_atomically
from core.text import gettext as _
from goalkeeper.init.guess import Guess

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*$")
_GOAL = (
    "    # goals:\n    #   - {{kpi: {kpi}, baseline: 0.10, target: 0.15, since: 2026-09-01, by: 2027-03-31}}"
)
_HEAD = """\
# Goalkeeper's configuration. Relative paths start from this file's folder; everything has a default.
# Look through it, then run `goalkeeper check`: it opens every source and says what it found.
store: sqlite:///goalkeeper.db        # a team: postgresql+psycopg://user:${PASSWORD}@host/database
timezone: UTC                         # in which days begin and end, e.g. Europe/Berlin
channels:
  owners: {kind: file}                # or {kind: email, to: […]} with smtp: {host: …, from: …}
digests:
  - {to: owners, at: "08:00", days: workdays}

models:
"""


def render(guess: Guess | None, name: str) -> str:
    """Return a whole file for one model."""
    return _HEAD + model_text(guess, name)


def add_model(path: Path, name: str, guess: Guess | None) -> None:
    """Add a model to a file; what stands in it, comments too, stays.

    Raises:
        GoalkeeperError: the model is there already, or the file cannot take it.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    top = next((i for i, line in enumerate(lines) if re.match(r"models\s*:", line)), None)
    block = model_text(guess, name).splitlines()
    if top is None:
        made = [*lines, "", "models:", *block]
    else:
        if not re.fullmatch(r"models\s*:\s*(#.*)?", lines[top]):
            raise GoalkeeperError(
                _("{file}: `models:` is written on one line.").format(file=path),
                hint=_("Write one model per block below it, then try again."),
            )
        if name in _models(path):
            raise GoalkeeperError(
                _("{file} holds a model {name} already.").format(file=path, name=name),
                hint=_("Choose another name with --model."),
            )
        end = next((i for i in range(top + 1, len(lines)) if re.match(r"[^\s#]", lines[i])), len(lines))
        while end > top + 1 and not lines[end - 1].strip():
            end -= 1
        made = [*lines[:end], "", *block, *lines[end:]]
    write_atomically(path, ("\n".join(made) + "\n").encode())
    try:
        load(path)
    except ConfigError:
        write_atomically(path, text.encode())
        raise


def model_text(guess: Guess | None, name: str) -> str:
    """Return one model's block, indented below `models:`."""
    found = guess or Guess(
        kind="parquet",
        path="logs/predictions/*.parquet",
        uses={"id": "request_id", "time": "predicted_at", "version": "model_version", "score": "score"},
    )
    uses = {use: column for use, column in found.uses.items() if use != "label"}
    columns = ", ".join(f"{use}: {_word(column)}" for use, column in uses.items())
    lines = [
        f"  {_word(name)}:",
        f"    task: {found.task.value}",
        "    predictions:                      # one row a prediction",
        f"      path: {_word(found.path)}",
        f"      columns: {{{columns}}}",
        "      features: auto                  # or {numeric: […], categorical: […]}",
        *_truth(found),
        "    # reference: {path: reference.parquet}   # what is normal; else the first 28 complete days",
    ]
    if found.segments:
        lines.append(f"    segments: [{', '.join(_word(one) for one in found.segments)}]")
    else:
        lines.append("    # segments: [region]              # watched one level at a time")
    lines += _kpis(found)
    lines.append("    notify: [owners]")
    return "\n".join(lines) + "\n"


def _truth(guess: Guess) -> list[str]:
    label = guess.uses.get("label")
    if label is not None:
        return [
            "    ground_truth:                     # known in the same row",
            f"      {{in: predictions, columns: {{label: {_word(label)}}}}}",
        ]
    return [
        "    # ground_truth:                   # when the outcome is known, joined by id",
        "    #   path: logs/outcomes/*.parquet",
        f"    #   columns: {{id: {_word(guess.uses.get('id', 'id'))}, time: known_at, label: label}}",
        "    #   maturity: 7d                  # the age at which a label counts as known",
    ]


def _kpis(guess: Guess) -> list[str]:
    label = guess.uses.get("label")
    if label is None or guess.task is not Task.BINARY:
        return [
            "    # kpis: {conversion: {numerator: converted, denominator: answered}}",
            _GOAL.format(kpi="conversion"),
        ]
    return [
        f"    kpis: {{positive_share: {{title: Share of positives, numerator: {_word(label)}}}}}",
        _GOAL.format(kpi="positive_share"),
    ]


def _models(path: Path) -> tuple[str, ...]:
    tree = Reader({}).read(path)
    models = tree.entries.get("models") if isinstance(tree, Branch) else None
    return tuple(models.node.entries) if models is not None and isinstance(models.node, Branch) else ()


def _word(text: str) -> str:
    """Write a text so that YAML reads it as that text."""
    simple = _PLAIN.match(text) and text.lower() not in (
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "null",
        "y",
        "n",
    )
    path = re.fullmatch(r"[\w./*=-]+", text) and not text[:1].isdigit() and "/" in text
    return text if simple or path else json.dumps(text, ensure_ascii=False)
