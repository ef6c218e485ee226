"""The port of model registries: what is known of a version from the day it was made.

A kind is a file in this folder with `Options`, a pydantic model of its own keys, and `Registry`, a class made
from them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from core.errors import SourceError


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One version as its registry knows it.

    `training` is the path or address of a file with the rows that it was trained on; where it is empty, `why`
    says why. `metrics` are those of its making, under the registry's own names.
    """

    name: str
    version: str
    at: datetime
    link: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    training: str = ""
    why: str = ""


class UnreachableError(SourceError):
    """Nobody answers, or nobody is let in: asking for another version is of no use."""


class Registry(ABC):
    """One registry, asked for the versions of one model.

    Args:
        model: the model's name in the configuration.
        folder: takes training data that only the registry hands out; what is there already stays.
    """

    def __init__(self, options: BaseModel, *, model: str, folder: Path) -> None:
        self.options = options
        self.model = model
        self.folder = folder

    @abstractmethod
    def check(self) -> None:
        """Look whether it answers and knows the model; nothing is fetched.

        Raises:
            SourceError: it does not.
        """

    @abstractmethod
    def version(self, version: str) -> Registered | None:
        """Return what is known of a version that the log names; None where it was never registered.

        Raises:
            UnreachableError: the registry cannot be reached.
            SourceError: it refuses, or tells what is not understood.
        """
