"""The port of retraining: start the making of a new version, and find it again by the ticket's key.

A kind is a file in this folder with `Options` and `Retrain`. A retraining is claimed before it starts and
carries the ticket's key, so that after a crash it is looked up and never started twice by itself (SPEC.md,
States). No kind is shipped yet: `retrain:` in a file names one only once it exists.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class RunState(StrEnum):
    """How a retraining stands; `lost`: it cannot be known, and a person decides."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One retraining: `key` is the ticket's, `handle` what the other side knows it by."""

    key: str
    handle: str
    state: RunState
    started_at: datetime
    version: str = ""
    log: str = ""


class RetrainOptions(BaseModel):
    """The base of every kind's options."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Retrain(Protocol):
    """A way to make a new version."""

    def __init__(self, options: BaseModel | None) -> None:
        """Keep the options; start nothing yet."""
        ...

    def start(self, key: str, model: str, now: datetime) -> Run:
        """Start a retraining that carries `key`.

        Raises:
            DeliveryError: it could not be started (`permanent`), or it is not known whether it was.
        """
        ...

    def find(self, key: str, now: datetime) -> Run | None:
        """Return the retraining of `key`; None where none was ever started.

        Raises:
            DeliveryError: the other side does not answer.
        """
        ...
