"""The roles of traffic."""

from enum import StrEnum


class Role(StrEnum):
    """A role of traffic: who is served by the model that decides, and who is not."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"
    CONTROL = "control"
