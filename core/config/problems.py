"""What is wrong with a configuration, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import GoalkeeperError
from core.text import gettext as _
from core.text import ngettext


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One mistake of a configuration.

    `line` counts from 1 (0: the file as a whole), `key` is the dotted path, `value` is already masked;
    `value`, `allowed` and `nearest` are empty where there is nothing to say.
    """

    file: Path
    line: int
    key: str = ""
    value: str = ""
    message: str
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        lines = [f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"]
        if self.value:
            lines.append("    " + _("value: {value}").format(value=self.value))
        if self.allowed:
            lines.append("    " + _("allowed: {allowed}").format(allowed=self.allowed))
        if self.nearest:
            lines.append("    " + _("did you mean {nearest}?").format(nearest=self.nearest))
        return "\n".join(lines)


class ConfigError(GoalkeeperError):
    """The configuration is not valid; `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        head = ngettext(
            "The configuration has {n} mistake:", "The configuration has {n} mistakes:", len(self.problems)
        ).format(n=len(self.problems))
        super().__init__(
            "\n".join([head, *(str(problem) for problem in self.problems)]),
            hint=_("Mend these lines and run `goalkeeper check`."),
        )


class RefusedError(ValueError):
    """A value does not fit; raised inside validators, where the place is not known yet.

    Args:
        message: what is wrong (translated, without the value).
        allowed: what would fit.
        nearest: the nearest valid spelling.
        key: the key below the validated node that is to blame, if it is not the node itself.
    """

    def __init__(self, message: str, *, allowed: str = "", nearest: str = "", key: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed
        self.nearest = nearest
        self.key = key
