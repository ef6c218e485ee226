"""The whole of goalkeeper.yaml."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from core.config.model import UTC_ZONE, Model
from core.config.node import Node, Plugged
from core.config.problems import RefusedError
from core.config.secrets import Secret, SecretUrl, Text
from core.config.values import Age, Clock, Day, Days, Duration, Schedule, Size, When, Zone, duration_text
from core.text import gettext as _
from core.windows import Grain


class Smtp(Node):
    """The mail server; `tls` is starttls, tls (from the first byte) or none."""

    host: Text
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: Text | None = None
    password: Secret | None = None
    sender: Text = Field(validation_alias="from", serialization_alias="from")
    timeout: Duration = timedelta(seconds=30)


class Connection(Node):
    """A named place that sources share; `options` go to the source's plug-in where it knows them."""

    url: SecretUrl
    options: Mapping[str, Any] = Field(default_factory=dict, repr=False, exclude=True)


class Schedules(Node):
    """When the scheduler does what; `sync` is the trackers' other direction.

    `lease`: after how long without a sign of life others take over what a process has begun.
    """

    collect: When = Schedule(every=timedelta(minutes=15))
    deliver: When = Schedule(every=timedelta(minutes=1))
    sync: When = Schedule(every=timedelta(minutes=5))
    lease: Duration = timedelta(seconds=90)


class Digest(Node):
    """A periodic message: to which channels, when (project's zone), on which weekdays (0 = Monday).

    `models` empty means all.
    """

    to: tuple[str, ...]
    at: Clock
    days: Days = (0, 1, 2, 3, 4)
    language: Literal["en", "ru"] | None = None
    models: tuple[str, ...] = ()

    @field_validator("to", "models", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class QuietHours(Node):
    """When minor messages and notices wait (project's zone); past midnight where `to` is earlier."""

    begin: Clock = Field(validation_alias="from", serialization_alias="from")
    end: Clock = Field(validation_alias="to", serialization_alias="to")

    @model_validator(mode="after")
    def _are_some(self) -> "QuietHours":
        if self.begin == self.end:
            raise RefusedError(_("Quiet hours begin and end at different times."), key="to")
        return self

    def until(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the quiet hours end in which `now` lies; None outside of them."""
        local = now.astimezone(zone)
        over_midnight = self.end < self.begin
        quiet = (
            local.time() >= self.begin or local.time() < self.end
            if over_midnight
            else self.begin <= local.time() < self.end
        )
        if not quiet:
            return None
        day = local.date() + timedelta(days=over_midnight and local.time() >= self.begin)
        return datetime.combine(day, self.end, tzinfo=zone).astimezone(UTC)


class Retention(Node):
    """How old profiles and metrics get before they roll up; None is forever.

    `base`: windows shorter than a day, which then become days. `daily`: days, which become weeks. `weekly`:
    weeks and months, which then are dropped.
    """

    base: Age = timedelta(days=400)
    daily: Age = timedelta(days=3 * 365)
    weekly: Age = None

    def age_of(self, grain: Grain) -> timedelta | None:
        """Return how old windows of a grain get; None is forever."""
        return {Grain.HOUR: self.base, Grain.DAY: self.daily}.get(grain, self.weekly)

    @model_validator(mode="after")
    def _coarser_is_older(self) -> "Retention":
        for key, finer, age in (("daily", self.base, self.daily), ("weekly", self.daily, self.weekly)):
            if age is not None and (finer is None or age < finer):
                least = "forever" if finer is None else duration_text(finer)
                raise RefusedError(
                    _("Coarser windows are kept at least as long as the finer ones before them."),
                    key=key,
                    allowed=_("{least} or more, or a shorter age for the finer ones").format(least=least),
                )
        return self


class OwnDay(Node):
    """A day of one's own calendar, in words."""

    date: Day
    name: str = ""


class Calendar(Node):
    """Days that are not like others: a country's holidays (`RU`, `US-CA`) and own dates."""

    country: str | None = None
    dates: tuple[OwnDay, ...] = ()

    @field_validator("country")
    @classmethod
    def _code(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,4})?", value):
            raise RefusedError(_("This is not the code of a country."), allowed="RU, DE, US-CA, …")
        return value

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"country": value}
        if isinstance(value, list | tuple):
            value = {"dates": value}
        if not isinstance(value, Mapping):
            allowed = "RU, {country: RU, dates: {2026-05-09: …}}"
            raise RefusedError(_("This is not a calendar."), allowed=allowed)
        dates = value.get("dates")
        if isinstance(dates, Mapping):
            dates = [{"date": day, "name": name or ""} for day, name in dates.items()]
        if isinstance(dates, list | tuple):
            value = {**value, "dates": [{"date": day} if isinstance(day, str) else day for day in dates]}
        return value


class Project(Node):
    """One goalkeeper.yaml with one store.

    `path` is the file, `folder` where relative paths start; `state_dir` is absolute.
    """

    path: Path = Field(validation_alias="<path>", exclude=True)
    folder: Path = Field(validation_alias="<folder>", exclude=True)
    store: SecretUrl = SecretUrl("sqlite:///goalkeeper.db", "sqlite:///goalkeeper.db")
    state_dir: Path = Field(Path(".goalkeeper"))
    zone: Zone = Field(UTC_ZONE, validation_alias="timezone", serialization_alias="timezone")
    language: Literal["en", "ru"] = "en"
    public_url: Text = "http://localhost:8501"
    smtp: Smtp | None = None
    connections: Mapping[str, Connection] = Field(default_factory=dict)
    channels: Mapping[str, Plugged] = Field(default_factory=dict)
    trackers: Mapping[str, Plugged] = Field(default_factory=dict)
    schedule: Schedules = Schedules()
    digests: tuple[Digest, ...] = ()
    quiet_hours: QuietHours | None = None
    lookback: Duration = timedelta(days=14)
    retention: Retention = Retention()
    calendar: Calendar = Calendar()
    memory_limit: Size = 2**30
    heartbeat_url: Secret | None = None
    allow_anonymous_actions: bool = False
    actor_header: str | None = None
    models: Mapping[str, Model] = Field(default_factory=dict)
    plugins: Path | None = None

    @property
    def plugin_dirs(self) -> tuple[Path, ...]:
        """Return the project's own plug-in folders, for `core.plugins`."""
        return () if self.plugins is None else (self.plugins,)
