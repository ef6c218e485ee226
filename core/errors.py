"""Errors that a person can act on."""


class GoalkeeperError(Exception):
    """Say what failed and what to do next.

    Args:
        message: what failed, with the offending value (translated).
        hint: the next step (translated); empty where there is none.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n→ {self.hint}" if self.hint else self.message


class SourceError(GoalkeeperError):
    """A source of predictions, ground truth or reference could not be read."""


class StoreError(GoalkeeperError):
    """The metric database refuses: it is older, newer, locked or unreachable."""


class DeliveryError(GoalkeeperError):
    """A message or a mirrored ticket did not leave the house.

    Args:
        message: what the other side said.
        permanent: a retry cannot help (bad address, refused login).
        hint: the next step.
    """

    def __init__(self, message: str, *, permanent: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.permanent = permanent


class NotComparableError(GoalkeeperError):
    """Two profiles were counted on different grids."""
