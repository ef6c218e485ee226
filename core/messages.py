"""What leaves the house, before a channel gives it its own form."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    NOTICE = "notice"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart inside a message: PNG bytes, the Content-ID name and a text for those who do not see it."""

    name: str
    png: bytes
    text: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """One rendered message.

    `key` names the thing told of (ticket, digest and day): the Message-ID and a pager's dedup key derive from
    it and `kind`, so a repeated message is recognised.
    """

    key: str
    kind: Literal["opened", "update", "step", "resolved", "bundle", "digest", "summary", "dead_man", "test"]
    severity: Severity
    subject: str
    text: str
    html: str
    link: str = ""
    pictures: tuple[Picture, ...] = ()
