"""What kinds of marks stand on the time axis."""

from enum import StrEnum


class MarkKind(StrEnum):
    """What a mark is about."""

    NOTE = "note"
    CAMPAIGN = "campaign"
    HOLIDAY = "holiday"
    INCIDENT = "incident"
    RELEASE = "release"
