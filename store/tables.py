"""The tables of the metric database (times in UTC, ids that reach a URL are stable)."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

TIMES = 4096


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC; SQLite, which has no zones, stores it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times and write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r} in the store")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Read each time once: the values of a window share it, and there are thousands."""
        read = super().result_processor(dialect, coltype)
        return None if read is None else lru_cache(maxsize=TIMES)(read)


Serial = BigInteger().with_variant(Integer, "sqlite")
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, bytes: LargeBinary, str: String}  # noqa: RUF012


class ModelRow(Base):
    """A watched model as last configured."""

    __tablename__ = "model"
    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    task: Mapped[str]
    timezone: Mapped[str]
    grain: Mapped[str]
    configuration: Mapped[str]
    features: Mapped[dict[str, Any]]  # resolved once: column → "numeric" | "categorical"
    grid_set: Mapped[str | None]
    reference_id: Mapped[int | None]
    first_seen: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class VersionRow(Base):
    """A version that the log named, since when."""

    __tablename__ = "version"
    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    first_seen: Mapped[datetime]  # event time of its first window
    last_seen: Mapped[datetime]
    noticed_at: Mapped[datetime]


class RegisteredRow(Base):
    """A version as its registry knows it: the file that it was trained on, and its metrics then."""

    __tablename__ = "registered"
    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)  # as the log names it
    asked: Mapped[str]  # a digest of which registry was asked, and for what
    name: Mapped[str]  # as the registry names the model
    registered_at: Mapped[datetime]
    link: Mapped[str]
    description: Mapped[str]
    aliases: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    training: Mapped[str]  # '' where it cannot be read: `why`
    why: Mapped[str]


class GridRow(Base):
    """An immutable set of grids; `body` is GridSet.to_json()."""

    __tablename__ = "grid"
    id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class ReferenceRow(Base):
    """A named set of profiles that 'normal' is measured against; the newest row of a model is in force.

    With a `version` it is that one's own. `kind`: source | range | windows (the first complete ones); its
    profiles are stored in `profile` under the grain 'reference:<id>'.
    """

    __tablename__ = "reference"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(index=True)
    version: Mapped[str] = mapped_column(default="", server_default="")
    kind: Mapped[str]
    description: Mapped[str]
    fingerprint: Mapped[str]
    grid_set: Mapped[str]
    windows: Mapped[int]  # timed windows in it; 0 without a time column
    rows: Mapped[int]
    first: Mapped[datetime | None]
    last: Mapped[datetime | None]
    created_at: Mapped[datetime]


class WindowRow(Base):
    """What was collected for one window of a model, from which state of its sources."""

    __tablename__ = "window"
    model: Mapped[str] = mapped_column(primary_key=True)
    grain: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    end: Mapped[datetime]
    grid_set: Mapped[str]
    inputs_mark: Mapped[str]  # fingerprint of what the inputs part was counted from
    outcomes_mark: Mapped[str]
    profile_digest: Mapped[str]  # of all its profiles; compute is due while `computed` differs
    computed: Mapped[str]  # digest + stage + configuration that the stored metrics were computed from
    stage: Mapped[str]  # open | immature | final
    state: Mapped[str]  # ok | error
    reason: Mapped[str]
    notes: Mapped[dict[str, Any]]  # schema changes, unreadable files, invalid values, as found
    collected_at: Mapped[datetime]


class ProfileRow(Base):
    """Both encoded parts of one profile."""

    __tablename__ = "profile"
    model: Mapped[str] = mapped_column(primary_key=True)
    grain: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    grid_set: Mapped[str]
    inputs: Mapped[bytes]
    outcomes: Mapped[bytes]


class MetricRow(Base):
    """One value; a restated one keeps its earlier rows with `superseded_at` and `why`."""

    __tablename__ = "metric"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]
    version: Mapped[str]
    segment: Mapped[str]
    metric: Mapped[str]
    column: Mapped[str]
    grain: Mapped[str]
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    value: Mapped[float | None]
    lower: Mapped[float | None]
    upper: Mapped[float | None]
    n: Mapped[int] = mapped_column(BigInteger)
    numerator: Mapped[float | None]
    denominator: Mapped[float | None]
    state: Mapped[str]
    reason: Mapped[str]
    maturity: Mapped[str]  # final | provisional
    computed_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    why: Mapped[str]  # why it was restated
    run_id: Mapped[int | None]
    __table_args__ = (
        Index("ix_metric_series", "model", "metric", "segment", "version", "column", "window_start"),
        Index("ix_metric_window", "model", "grain", "window_start"),
    )


class RunRow(Base):
    """One pass of a collector over a model; the origin of the metrics written in it."""

    __tablename__ = "collector_run"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(index=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    state: Mapped[str]  # running | done | failed
    windows: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int]
    error: Mapped[str]
    hint: Mapped[str]
    now: Mapped[datetime]
    configuration: Mapped[str]
    code: Mapped[str]
    source: Mapped[str]
    sources: Mapped[dict[str, Any]]  # fingerprints of the sources at the end of the pass
    actor: Mapped[str]


class SliceRow(Base):
    """A part of a source (a file, a day of a table) as last seen, so that it need not be read again."""

    __tablename__ = "source_slice"
    model: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)  # predictions | ground_truth | kpi:<name>
    name: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]
    first: Mapped[datetime | None]
    last: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    columns: Mapped[dict[str, Any]]  # types by name, where the part has columns of its own
    error: Mapped[str]
    seen_at: Mapped[datetime]


class QuarantineRow(Base):
    """A row that does not fit, with the reason; bounded in number."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(index=True)
    window_start: Mapped[datetime | None]
    source: Mapped[str]
    reason: Mapped[str]
    row: Mapped[dict[str, Any]]
    count: Mapped[int]
    seen_at: Mapped[datetime]


class GoalRow(Base):
    """A goal's state as of a time; the newest row is in force, the others are its history."""

    __tablename__ = "goal"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]
    kpi: Mapped[str]
    as_of: Mapped[datetime]
    state: Mapped[str]  # reached | on track | at risk | off track | missed | unknown
    value: Mapped[float | None]
    lower: Mapped[float | None]
    upper: Mapped[float | None]
    probability: Mapped[float | None]
    forecast: Mapped[float | None]
    needed: Mapped[float | None]  # change a month still needed
    reason: Mapped[str]
    __table_args__ = (Index("ix_goal_model", "model", "kpi", "as_of"),)


class RuleStateRow(Base):
    """The newest answer of a rule on one key."""

    __tablename__ = "rule_state"
    model: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    column: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    severity: Mapped[str]
    since: Mapped[datetime | None]
    as_of: Mapped[datetime]
    reason: Mapped[str]
    evidence: Mapped[dict[str, Any]]


class AlertRow(Base):
    """One rule that fired on one key, from its first bad window on."""

    __tablename__ = "alert"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]
    rule: Mapped[str]
    version: Mapped[str]
    segment: Mapped[str]
    column: Mapped[str]
    since: Mapped[datetime]  # start of the first bad window
    until: Mapped[datetime | None]  # end of the last bad window, once over
    state: Mapped[str]
    severity: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"))
    raised_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("model", "rule", "version", "segment", "column", "since"),)


class AlertChangeRow(Base):
    """Each change of an alert's state, append-only."""

    __tablename__ = "alert_change"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True)
    state: Mapped[str]
    as_of: Mapped[datetime]
    reason: Mapped[str]
    alert: Mapped[AlertRow] = relationship()


class IncidentRow(Base):
    """Alerts of one model that have one cause."""

    __tablename__ = "incident"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(index=True)
    cause: Mapped[str]
    severity: Mapped[str]
    opened_at: Mapped[datetime]
    since: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class TicketRow(Base):
    """The work that an incident asks for; `key` keeps it from being opened twice."""

    __tablename__ = "ticket"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(unique=True)
    model: Mapped[str] = mapped_column(index=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    kind: Mapped[str]
    state: Mapped[str]
    severity: Mapped[str]
    title: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    assignee: Mapped[str]
    resolution: Mapped[str]
    dismissal: Mapped[str]
    opened_at: Mapped[datetime]
    acknowledge_by: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class TicketEventRow(Base):
    """The audit trail: who did what to a ticket, and when."""

    __tablename__ = "ticket_event"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]


class RetrainingRow(Base):
    """One making of a new version for a ticket; `key` is what the other side finds it again by."""

    __tablename__ = "retraining"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(unique=True)  # the ticket's key and a number
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    model: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    state: Mapped[str]  # asked | claimed | running | done | failed | unconfirmed
    actor: Mapped[str]  # who asked for it, or approved
    asked_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    handle: Mapped[str]  # what the other side knows it by
    version: Mapped[str]  # the one that it names
    log: Mapped[str]  # the end of what it printed
    error: Mapped[str]


class ProofRow(Base):
    """Whether a new version is better than what a ticket was opened for: the newest answer of each."""

    __tablename__ = "proof"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    version: Mapped[str]
    retraining_id: Mapped[int | None] = mapped_column(ForeignKey("retraining.id"))
    since: Mapped[datetime]  # the version's first prediction
    deadline: Mapped[datetime]
    outcome: Mapped[str]  # '' while it is open | verified | no_effect | worse | not_enough_data | replaced
    result: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("ticket_id", "version"),)


class MirrorRow(Base):
    """Where a ticket is mirrored, and how far: `mark` is of what was last written there."""

    __tablename__ = "mirror"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    tracker: Mapped[str] = mapped_column(primary_key=True)
    handle: Mapped[str]
    link: Mapped[str]
    mark: Mapped[str]
    heard_until: Mapped[datetime]
    heard: Mapped[dict[str, Any]]  # ids of what was heard at that very time
    attempts: Mapped[int]
    not_before: Mapped[datetime]
    error: Mapped[str]


class SilenceRow(Base):
    """A rule, model or segment kept quiet until a time, with a reason ('' means any)."""

    __tablename__ = "silence"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]
    rule: Mapped[str]
    segment: Mapped[str]
    until: Mapped[datetime]
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class MarkRow(Base):
    """An event on the time axis."""

    __tablename__ = "mark"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]  # '' = every model
    kind: Mapped[str]  # release | configuration | campaign | holiday | incident | note
    start: Mapped[datetime]
    end: Mapped[datetime | None]
    text: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("model", "kind", "start", "text"),)


class OutboxRow(Base):
    """A message to send: claim → send → finish. `payload` holds facts; it is rendered when it is sent."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(unique=True)  # thing + kind + channel; the Message-ID derives from it
    kind: Mapped[str]
    channel: Mapped[str]
    model: Mapped[str]
    severity: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str]  # queued | claimed | sent | failed | bundled
    attempts: Mapped[int]
    not_before: Mapped[datetime]
    claimed_by: Mapped[str]
    claimed_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    error: Mapped[str]
    subject: Mapped[str]
    created_at: Mapped[datetime]
    __table_args__ = (Index("ix_outbox_due", "state", "not_before"),)


class RequestRow(Base):
    """Work that a page asks a worker for."""

    __tablename__ = "request"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    kind: Mapped[str]  # collect | deep_dive | …
    arguments: Mapped[dict[str, Any]]
    actor: Mapped[str]
    state: Mapped[str]  # queued | running | done | failed
    progress: Mapped[float]
    result: Mapped[dict[str, Any]]
    error: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class LeaseRow(Base):
    """Who may do a piece of work until when; `fence` grows with every new holder."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime]
    heartbeat: Mapped[datetime]


class ReportRow(Base):
    """A rendered deep dive or digest; the file lies in the state folder."""

    __tablename__ = "report"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str]
    kind: Mapped[str]  # deep_dive | digest
    title: Mapped[str]
    path: Mapped[str]  # relative to the state folder
    arguments: Mapped[dict[str, Any]]
    rows: Mapped[int]
    created_at: Mapped[datetime]
    actor: Mapped[str]


class BaselineRow(Base):
    """What a model's reference showed: its values, encoded, and a mark of what they were made from."""

    __tablename__ = "baseline"
    model: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]
    points: Mapped[bytes]


class ContrastRow(Base):
    """By what drift of a model's columns is told (`body`, encoded), and a mark of what it was made from."""

    __tablename__ = "contrast"
    model: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]
    body: Mapped[bytes]


class TraceRow(Base):
    """A window's contrasts under the mark of `contrast`: a cache, made anew from its profile when needed."""

    __tablename__ = "trace"
    model: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    mark: Mapped[str]
    inputs_mark: Mapped[str]
    body: Mapped[bytes]  # float32: for each column its values' number and its contrasts


class SettingRow(Base):
    """Small facts of the store itself: format, time zone, the demo's own now, heartbeats."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(Text)
