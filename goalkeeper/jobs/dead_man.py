"""The dead man's message: the supervising process says when passes have stopped, since nobody else can."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.config import Project
from core.dates import length_text, local_time
from core.errors import DeliveryError, StoreError
from core.messages import Message, Severity
from core.text import gettext as _
from core.text import language
from goalkeeper.jobs.turn import BusyError, turn
from notify.sender import send_now
from reports.letters import preview
from reports.mail import Block, Button, Facts, Items, Lead, Letter, Tone, items, lay_out, plain
from store import settings
from store.database import Store
from store.heartbeats import health
from store.leases import LostLeaseError

log = logging.getLogger("goalkeeper.serve")
TOLD = "dead_man"
"""The setting that says of which last pass it was told; so a restart tells it no second time."""


@dataclass(kw_only=True)
class DeadMan:
    """Watches the signs of life of one project since `started`; `last` is the newest one seen.

    Without an answer from the store the last known sign counts: a dead store stops passes as well.
    """

    project: Project
    store: Store
    started: datetime
    last: datetime | None = None
    limit: timedelta | None = None
    told: str = ""
    reason: str = ""

    def watch(self, now: datetime) -> int:
        """Tell every channel once that passes have stopped; return how many were reached.

        Of several who watch one store one tells.
        """
        self._look(now)
        if not self._is_silent(now):
            return 0
        if self.reason:  # it cannot be settled with the others who tells
            return self._tell_all(self.store, now)
        try:
            with turn(self.store, "dead man", self.project.schedule.lease) as held:
                self._look(now)
                return self._tell_all(held, now) if self._is_silent(now) else 0
        except (BusyError, LostLeaseError):
            return 0

    @property
    def _since(self) -> datetime:
        return max(self.last or self.started, self.started)

    def _look(self, now: datetime) -> None:
        try:
            with self.store.read() as session:
                found = health(session, now, self.project.schedule.collect.interval)
                self.told = settings.get(session, TOLD) or self.told
            self.last, self.limit, self.reason = found.last, found.limit, ""
        except StoreError as error:
            self.reason = error.message

    def _is_silent(self, now: datetime) -> bool:
        """Tell whether passes have stopped and nobody was told; others may have begun to watch later."""
        limit = self.limit or 3 * self.project.schedule.collect.interval
        told = datetime.fromisoformat(self.told) if self.told else None
        return now - self._since > limit and (told is None or self._since - told > limit)

    def _tell_all(self, store: Store, now: datetime) -> int:
        since, channels = self._since, self._channels()
        reached = sum(self._tell(channel, since, now, self.reason) for channel in channels)
        if reached or not channels:
            self._remember(store, since)
        return reached

    def _channels(self) -> list[str]:
        """Return the channels of every model, each once; all of them where no model names one."""
        named = [name for model in self.project.models.values() for name in model.channels(Severity.CRITICAL)]
        return list(dict.fromkeys(named or self.project.channels))

    def _tell(self, channel: str, since: datetime, now: datetime, reason: str) -> bool:
        with language(self.project.language):
            message = dead_man_message(self.project, since, now, reason)
        try:
            send_now(project=self.project, channel=channel, message=message, now=now)
        except DeliveryError as error:
            log.warning("%s: %s", channel, error)
            return False
        return True

    def _remember(self, store: Store, since: datetime) -> None:
        self.told = since.isoformat()
        try:
            with store.write() as session:
                settings.put(session, TOLD, self.told)
        except StoreError as error:
            log.warning("%s", error)


def dead_man_message(project: Project, since: datetime, now: datetime, reason: str) -> Message:
    """Write the message in the language of the moment; `reason` is what the store answered, if it failed."""
    zone, every = project.zone, project.schedule.collect.interval
    collectors = f"{project.public_url.rstrip('/')}/collectors"
    lead = _("No pass has ended since {time}. Nothing is collected, judged or sent until this is mended.")
    blocks: list[Block] = [Lead(text=lead.format(time=local_time(since, zone)))]
    if reason:
        blocks.append(Lead(text=_("The store answers: {reason}").format(reason=reason)))
    looks = (
        _("Does `goalkeeper serve` still run, and what does its log say last?"),
        _("Run `goalkeeper check`: it opens the store and every source."),
        _("Run `goalkeeper collect`: it makes one pass and says where it ends."),
    )
    models = ", ".join(model.shown_title for model in project.models.values())
    blocks += [
        Items(title=_("Look here first"), items=items(looks), numbered=True),
        Facts(
            rows=(
                (_("Not watched"), models),
                (_("Nothing since"), local_time(since, zone)),
                (_("Noticed"), _("{when}, after {length}").format(
                    when=local_time(now, zone), length=length_text(now - since)
                )),
                (_("A pass is due"), _("every {length}").format(length=length_text(every))),
            )
        ),
        Button(label=_("Open the collectors"), link=collectors),
    ]  # fmt: skip
    letter = Letter(
        tone=Tone.BAD,
        word=_("critical"),
        title=_("Goalkeeper stands still: no pass for {length}").format(length=length_text(now - since)),
        where="Goalkeeper",
        preview=preview(blocks),
        blocks=tuple(blocks),
        footer=_("Sent by the process that watches Goalkeeper, because nobody else can tell you."),
        language=project.language,
    )
    text, html = lay_out(letter)
    return Message(
        key=f"dead_man:{since.isoformat()}", kind="dead_man", severity=Severity.CRITICAL,
        subject=plain(f"{letter.tone.sign} {letter.title}"), text=text, html=html, link=collectors,
    )  # fmt: skip
