"""The port of retraining: start the making of a new version, and find it again by its key.

A kind is a file in this folder with `Options` and `Retrain`. A retraining is claimed in the store before it
starts and carries its key to the other side, so that after a crash it is looked up there and never started
twice by itself; what cannot be known is `lost`, and a person decides (SPEC.md, States).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

LONGEST_LOG = 20_000
"""Characters kept of the end of what a retraining printed."""


class RunState(StrEnum):
    """How a retraining stands; `starting`: it may still begin; `lost`: nobody knows, a person decides."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One retraining: `key` is ours, `handle` what the other side knows it by, `version` what it made.

    `log` is the end of what it printed; `error` says in words why it failed or is lost.
    """

    key: str
    state: RunState
    handle: str = ""
    version: str = ""
    log: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class House:
    """What a kind may know of the project: where its state lies, and where its file's paths begin."""

    state_dir: Path
    folder: Path


class RetrainOptions(BaseModel):
    """The base of every kind's options."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Retrain(Protocol):
    """A way to make a new version."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        """Keep the options; start nothing yet."""
        ...

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Start a retraining that carries `key`; `brief` is the ticket with all that a pipeline needs.

        Raises:
            DeliveryError: it was not started (`permanent`), or it is not known whether it was.
        """
        ...

    def find(self, key: str, now: datetime) -> Run | None:
        """Return the retraining of `key`; None where certainly none was ever started.

        Raises:
            DeliveryError: the other side does not answer.
        """
        ...


def version_in(output: str) -> str:
    """Return the version that the last line of an output names, '' where it names none.

    >>> version_in('fitted 12,000 rows\\n{"version": "v3"}\\n')
    'v3'
    """
    lines = output.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except ValueError:
        return ""
    version = told.get("version") if isinstance(told, dict) else None
    return str(version)[:200] if isinstance(version, str | int | float) else ""
