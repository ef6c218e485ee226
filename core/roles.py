"""The roles of traffic."""

from enum import StrEnum


class Role(StrEnum):
    """A role of traffic: who is served by the model that decides, and who is not."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"
    CONTROL = "control"


SERVED = frozenset({Role.CHAMPION, Role.CHALLENGER})
"""Whose answers reach somebody: what is compared, and compared with."""
