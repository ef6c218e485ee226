"""Empty the outbox: claim → render → send → finish.

A claim is a conditional UPDATE, so two senders never hold one message; right before a message leaves it is
looked at again, so a sender that was overtaken leaves it alone. A crash between send and finish leaves the
claim, which lapses after five minutes; the message then leaves once more under the same Message-ID. What can
be tried again is, after growing pauses; what cannot is kept as failed, with what the other side said.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from core.config import Plugged, Project
from core.errors import DeliveryError, GoalkeeperError
from core.messages import Message, Severity
from core.plugins import PORTS, load
from core.spelling import listed
from core.text import gettext as _
from notify.channels.base import Channel, Envelope, House
from notify.mail import domain_of
from store import outbox
from store.database import Store
from store.tables import OutboxRow

Render = Callable[[OutboxRow], Message]
Clock = Callable[[], datetime]

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720))
"""How long to wait after the first, second, … attempt; the last one repeats."""
GIVE_UP = timedelta(days=7)
BATCH = 20
STORM = 10
"""More messages about tickets than this at once become one for people; a pager gets each."""
AN_HOUR = timedelta(hours=1)
QUIET = (Severity.MINOR, Severity.NOTICE)
"""What waits in quiet hours …"""
AT_THEIR_HOUR = ("digest", "test")
"""… but for what comes when it was asked for."""
ABOUT_TICKETS = ("opened", "update", "step", "resolved")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one round did: messages sent, to be tried again, and given up."""

    sent: int = 0
    retried: int = 0
    failed: int = 0


def deliver(
    *, project: Project, store: Store, render: Render, now: datetime, worker: str, clock: Clock,
    limit: int = 500, patience: timedelta = outbox.PATIENCE,
) -> Delivery:  # fmt: skip
    """Send what is due at `now`, oldest first, at most `limit` messages; claims lapse by the clock."""
    counted: Counter[str] = Counter()
    channels: dict[str, Channel] = {}
    quiet_until = project.quiet_hours and project.quiet_hours.until(now, project.zone)
    if quiet_until:
        outbox.hold(store, QUIET, AT_THEIR_HOUR, now, quiet_until)
    for name in outbox.channels_waiting(store, now):
        if name not in project.channels:
            continue  # it says so when it sends
        if _bundles(project, name):
            outbox.bundle(store, name, ABOUT_TICKETS, now, STORM)
        per_hour = getattr(project.channels[name].options, "per_hour", None)
        if per_hour is not None:
            outbox.limit(store, name, per_hour, AN_HOUR, (Severity.CRITICAL,), now)
    while counted.total() < limit:
        most = min(BATCH, limit - counted.total())
        rows = outbox.claim(store, worker, now, most, clock=clock(), patience=patience)
        if not rows:
            break
        for row in rows:
            counted[_deliver(row, project, store, channels, render, now, clock)] += 1
    return Delivery(sent=counted["sent"], retried=counted["queued"], failed=counted["failed"])


def send_now(*, project: Project, channel: str, message: Message, now: datetime) -> None:
    """Send one message past the outbox: `goalkeeper check --send`.

    Raises:
        DeliveryError: it did not leave the house.
    """
    house = House.of(project)
    key = outbox_key(message.key, message.kind, channel)
    envelope = Envelope(message_id=message_id(key, house), thread="", at=now, now=now)
    open_channel(channel, project.channels, house, project).send(message, envelope)


def outbox_key(thing: str, kind: str, channel: str) -> str:
    """Return the key under which a message stands in the outbox."""
    return f"{thing}|{kind}|{channel}"


def message_id(key: str, house: House) -> str:
    """Return the Message-ID (without brackets) of an outbox key: the same for every repeat."""
    domain = domain_of(house.smtp.sender if house.smtp else "", house.public_url)
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}"


def open_channel(name: str, channels: Mapping[str, Plugged], house: House, project: Project) -> Channel:
    """Return the channel that the file names.

    Raises:
        DeliveryError: there is none of this name, or its kind cannot be used (permanent).
    """
    if name not in channels:
        raise DeliveryError(
            _("There is no channel '{name}' any more.").format(name=name),
            permanent=True,
            hint=_("Known channels: {known}.").format(known=listed(channels) or _("none")),
        )
    settings = channels[name]
    try:
        module = load(PORTS["channel"], settings.kind, project.plugin_dirs)
    except GoalkeeperError as error:
        raise DeliveryError(error.message, permanent=True, hint=error.hint) from error
    return cast(Channel, module.Channel(settings.options, house))


def _bundles(project: Project, name: str) -> bool:
    """Tell whether a channel's kind takes many as one; one that cannot be used says so when it sends."""
    try:
        module = load(PORTS["channel"], project.channels[name].kind, project.plugin_dirs)
    except GoalkeeperError:
        return False
    return bool(getattr(module, "BUNDLES", True))


def _deliver(
    row: OutboxRow, project: Project, store: Store, channels: dict[str, Channel], render: Render,
    now: datetime, clock: Clock,
) -> str:  # fmt: skip
    """Return the state that the message came to; 'lost' where another sender has it now."""

    def act() -> outbox.Ended:
        try:
            subject = _send(row, project, channels, render, now)
        except DeliveryError as error:
            return outbox.Ended(at=now, error=str(error), retry_at=_retry_at(row, error, now))
        return outbox.Ended(at=now, subject=subject)

    ended = outbox.send(store, row, clock(), act)
    return "lost" if ended is None else ended.state


def _send(
    row: OutboxRow, project: Project, channels: dict[str, Channel], render: Render, now: datetime
) -> str:
    house = House.of(project)
    if row.channel not in channels:
        channels[row.channel] = open_channel(row.channel, project.channels, house, project)
    try:
        message = render(row)
    except GoalkeeperError as error:
        raise DeliveryError(error.message, permanent=True, hint=error.hint) from error
    except Exception as error:  # one message that cannot be rendered must not hold up the others
        said = _("The message could not be written: {reason}").format(
            reason=f"{type(error).__name__}: {error}"
        )
        raise DeliveryError(said, permanent=True) from error
    root = outbox_key(message.key, "opened", row.channel)
    envelope = Envelope(
        message_id=message_id(row.key, house),
        thread="" if row.key == root or message.kind not in _THREADED else message_id(root, house),
        at=row.created_at,
        now=now,
    )
    channels[row.channel].send(message, envelope)
    return message.subject


_THREADED: Sequence[str] = ("update", "step", "resolved")


def _retry_at(row: OutboxRow, error: DeliveryError, now: datetime) -> datetime | None:
    if error.permanent or now - row.created_at > GIVE_UP:
        return None
    return now + PAUSES[min(max(row.attempts - 1, 0), len(PAUSES) - 1)]
