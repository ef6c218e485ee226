"""The periodic message: how each goal stands, what is open, what moved the good way, what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.config import Digest, Goal, Kpi, Model, Project
from core.dates import day_text, local_time
from core.evidence import Finding, ProofFact
from core.figures import figure
from core.messages import Message, Picture, Severity
from core.rules import AlertState, Resolution, TicketState
from core.text import gettext as _
from core.text import language, ngettext
from core.units import kpi_unit
from core.values import MetricPoint, ValueState
from core.windows import window_at, windows_between
from reports import pictures, proofs, wording
from reports.mail import (
    Block,
    Button,
    Image,
    Items,
    Lead,
    Letter,
    Number,
    Section,
    Tone,
    items,
    lay_out,
    plain,
)
from reports.query import Query
from reports.references import stale
from reports.weeks import last_week, together
from reports.wording import Links
from store import alerts, goals, outbox, tickets, windows
from store.database import Store
from store.proofs import proofs as proofs_of
from store.tables import AlertRow, GoalRow, OutboxRow, ProofRow, TicketRow

CATCH_UP = timedelta(hours=6)
"""A digest that could not be sent in this time after its hour is left out; the next one tells it."""
SHOWN = 60
"""Windows in a picture."""
MOST = 5
_WORST = (Tone.BAD, Tone.WATCH, Tone.CALM, Tone.GOOD)
_SEVERITY = (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.NOTICE)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A digest that is to be sent: which of the configured ones, for which local day."""

    digest: Digest
    name: str
    day: date


def digest_due(
    digests: Sequence[Digest], zone: ZoneInfo, last_sent: Mapping[str, date], now: datetime
) -> list[Due]:
    """Return the digests whose hour has come at `now`; `last_sent` holds the day last told, by name.

    A digest's name is its place in the file and its channels. Its hour is local; on a day on which clocks
    skip it, it comes at the hour after.
    """
    found = []
    today = now.astimezone(zone).date()
    for digest in digests:
        name = name_of(digest)
        for day in (today, today - timedelta(days=1)):
            hour = datetime.combine(day, digest.at, tzinfo=zone)
            late = now - hour
            if day.weekday() not in digest.days or not timedelta() <= late < CATCH_UP:
                continue
            if name not in last_sent or last_sent[name] < day:
                found.append(Due(digest=digest, name=name, day=day))
    return found


def name_of(digest: Digest) -> str:
    """Return what tells a digest from the others, stable while it is not changed."""
    return ",".join([*digest.to, f"{digest.at:%H%M}", *digest.models])


def queue_digests(session: Session, project: Project, now: datetime) -> int:
    """Queue every digest that is due; return how many messages. Asking twice queues nothing twice."""
    queued = 0
    for due in digest_due(project.digests, project.zone, {}, now):
        for channel in due.digest.to:
            queued += outbox.enqueue(
                session,
                key=f"digest:{due.name}:{due.day}|digest|{channel}",
                kind="digest",
                channel=channel,
                model="",
                severity=Severity.NOTICE,
                payload={
                    "day": due.day.isoformat(),
                    "models": list(due.digest.models),
                    "language": due.digest.language or project.language,
                },
                now=now,
            )
    return queued


def render_digest(store: Store, row: OutboxRow, project: Project) -> Message:
    """Write a digest as of when it was queued."""
    with language(str(row.payload.get("language") or project.language)):
        chosen = [name for name in row.payload.get("models") or project.models if name in project.models]
        query = Query(store=store, project=project)
        parts = [_part(query, project.models[name], row.created_at) for name in chosen]
        return _message(parts, row, project)


def preview(store: Store, project: Project, now: datetime) -> Message:
    """Write a digest of every model as of now; nothing is queued."""
    day = now.astimezone(project.zone).date()
    payload = {"day": day.isoformat(), "models": [], "language": project.language}
    return render_digest(store, OutboxRow(key="digest:preview", payload=payload, created_at=now), project)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a digest says of one model; `link` leads to the page that shows the same as of then."""

    title: str
    link: str
    tone: Tone
    headline: str
    blocks: tuple[Block, ...]
    images: tuple[Picture, ...]
    tickets: int
    word: str


def _message(parts: Sequence[Part], row: OutboxRow, project: Project) -> Message:
    day = date.fromisoformat(str(row.payload["day"]))
    links = Links(project.public_url, "", row.created_at)
    ordered = sorted(parts, key=lambda part: (_WORST.index(part.tone), -part.tickets, part.title))
    shown = [picture for part in ordered for picture in part.images][:MOST]
    names = {picture.name for picture in shown}
    blocks: list[Block] = []
    for part in ordered:
        if len(ordered) > 1:
            blocks.append(Section(title=part.title, link=part.link))
        blocks += [one for one in part.blocks if not isinstance(one, Image) or one.name in names]
    single = ordered[0] if len(ordered) == 1 else None
    link = single.link if single is not None else links.overview()
    label = _("Open Goalkeeper") if single is not None else _("Open the overview")
    blocks.append(Button(label=label, link=link))
    work = sum(part.tickets for part in parts)
    tone = ordered[0].tone if ordered else Tone.CALM
    word = ngettext("{n} open ticket", "{n} open tickets", work).format(n=work)
    if not work:
        word = next((part.word for part in ordered if part.word), "") or _("no open tickets")
    letter = Letter(
        tone=tone,
        word=word,
        title=ordered[0].headline if len(ordered) == 1 else _headline(ordered),
        where=_("{what} · {day}").format(
            what=ordered[0].title if len(ordered) == 1 else _("All models"), day=day_text(day, year=True)
        ),
        preview=" ".join(part.headline for part in ordered),
        blocks=tuple(blocks),
        footer=_(
            "Sent by Goalkeeper as configured under digests. Links only open pages; they change nothing."
        ),
        language=str(row.payload.get("language") or project.language),
    )
    text, html = lay_out(letter)
    return Message(
        key=row.key.split("|", 1)[0],
        kind="digest",
        severity=Severity.NOTICE,
        subject=plain(f"{letter.where.split(' · ')[0]}: {letter.title}"),
        text=text,
        html=html,
        link=link,
        pictures=tuple(shown),
    )


def _headline(parts: Sequence[Part]) -> str:
    bad = [part.title for part in parts if part.tone in (Tone.BAD, Tone.WATCH)]
    if not bad:
        return ngettext("{n} model is well", "All {n} models are well", len(parts)).format(n=len(parts))
    return _("{models}: look here").format(models=", ".join(bad[:3]))


def _part(query: Query, model: Model, now: datetime) -> Part:
    zone = query.project.zone
    links = Links(query.project.public_url, model.name, now)
    with query.store.read() as session:
        judged = {row.kpi: row for row in goals.current_goals(session, model.name)}
        every = tickets.tickets(session, model=model.name)
        work = [row for row in every if row.state != TicketState.CLOSED]
        before = outbox.last_digest(session, now)
        lately = before or now - timedelta(days=7)
        done = [row for row in every if row.closed_at is not None and lately < row.closed_at <= now]
        tried = {row.id: proofs_of(session, row.id)[-1:] for row in (*work, *done)}
        told = [row for row in alerts.alerts(session, model=model.name) if _is_news(row, now)]
    blocks: list[Block] = []
    images: list[Picture] = []
    tones: list[Tone] = []
    words: dict[Tone, str] = {}
    headlines: list[str] = []
    for goal in model.goals:
        number, picture, headline = _goal(query, model, goal, judged.get(goal.kpi), now)
        blocks.append(number)
        tones.append(number.tone)
        words.setdefault(number.tone, number.word)
        headlines.append(headline)
        if picture is not None:
            images.append(picture)
            blocks.append(
                Image(name=picture.name, text=picture.text, caption=_coming(query, model, goal.kpi, now))
            )
    for kpi in [name for name in model.kpis if name not in {goal.kpi for goal in model.goals}]:
        number, headline = _kpi(query, model, kpi, now)
        blocks.append(number)
        headlines.append(headline)
    if not model.kpis:
        blocks.append(Lead(text=_("No KPI and no goal is set for this model.")))
    if work:
        tones.append(Tone.BAD if any(row.severity in ("critical", "major") for row in work) else Tone.WATCH)
        listed = [
            (_ticket_line(row, tried[row.id], zone), links.ticket(row.id))
            for row in _by_severity(work)[:MOST]
        ]
        blocks.append(Items(title=_("Open tickets"), items=tuple(listed)))
    if done:
        listed = [(_closed_line(row, tried[row.id]), links.ticket(row.id)) for row in done[:MOST]]
        blocks.append(Items(title=_("Closed since the last digest"), items=tuple(listed)))
    good = [Finding.model_validate(row.evidence) for row in told]
    if good:
        blocks.append(
            Items(
                title=_("Moved the good way"), items=items([wording.seen(one, zone) for one in good[:MOST]])
            )
        )
    restated = [_restated(query, model, kpi, before, now) for kpi in model.kpis] if before else []
    if any(restated):
        told_ = items([one for one in restated if one])
        blocks.append(Items(title=_("Restated since the last digest"), items=told_))
    gaps = _gaps(query, model, now)
    if gaps:
        blocks.append(Items(title=_("Missing"), items=items(gaps)))
    old = [one.text for one in stale(query, model, now)]
    if old:
        blocks.append(Items(title=_("Reference"), items=items(old)))
    tone = next((one for one in _WORST if one in tones), Tone.CALM)
    headline = headlines[0] if headlines else _("{title}: nothing to report").format(title=model.shown_title)
    page = links.model("goals" if model.kpis else "model")
    return Part(
        title=model.shown_title, link=page, tone=tone, headline=headline, blocks=tuple(blocks),
        images=tuple(images), tickets=len(work), word=words.get(tone, ""),
    )  # fmt: skip


def _goal(
    query: Query, model: Model, goal: Goal, row: GoalRow | None, now: datetime
) -> tuple[Number, Picture | None, str]:
    number, headline = _kpi(query, model, goal.kpi, now)
    unit, currency = kpi_unit(model.kpis[goal.kpi])
    state = row.state if row is not None else "unknown"
    target = figure(goal.target, unit, currency=currency)
    parts = [
        number.detail,
        _("The goal is {target} by {by}.").format(target=target, by=day_text(goal.by, year=True)),
    ]
    if row is not None and row.forecast is not None:
        forecast = _("Forecast for that day: {value}.")
        parts.append(forecast.format(value=figure(row.forecast, unit, currency=currency)))
    if row is not None and row.reason:
        parts.append(_sentence(row.reason))
    detailed = Number(
        label=number.label, figure=number.figure, detail=" ".join(part for part in parts if part),
        tone=wording.goal_tone(state), word=wording.goal_word(state),
    )  # fmt: skip
    return detailed, _picture(query, model, goal, headline, now), f"{headline} – {wording.goal_word(state)}"


def _kpi(query: Query, model: Model, kpi: str, now: datetime) -> tuple[Number, str]:
    """Return the last week whose labels are known, in figures and in one line."""
    title = model.kpis[kpi].title or kpi
    unit, currency = kpi_unit(model.kpis[kpi])
    week = last_week(query, model, kpi, now)
    if week is None:
        nothing = _("There is no complete week yet.")
        return Number(label=title, figure="—", detail=nothing), _("{title}: not known yet").format(
            title=title
        )
    value, zone = week.value, query.project.zone
    last = day_text((week.until - timedelta(seconds=1)).astimezone(zone).date())
    shown = figure(value.value, unit, currency=currency)
    parts = []
    if value.numerator is not None and value.denominator and unit == "percent":
        parts.append(
            _("{numerator} of {denominator} {of_what}").format(
                numerator=figure(value.numerator, "count"),
                denominator=figure(value.denominator, "count"),
                of_what=_counted(model.kpis[kpi]),
            )
        )
    if value.lower is not None and value.upper is not None:
        parts.append(
            _("likely {lower} to {upper}").format(
                lower=figure(value.lower, unit, currency=currency),
                upper=figure(value.upper, unit, currency=currency),
            )
        )
    label = _("{title}, week to {day}").format(title=title, day=last)
    number = Number(label=label, figure=shown, detail=_sentence("; ".join(parts)))
    return number, _("{title} last week {value}").format(title=title, value=shown)


def _restated(query: Query, model: Model, kpi: str, before: datetime, now: datetime) -> str:
    """Say of the week that the last digest told whether its figure is another one by now, and why."""

    def told_at(as_of: datetime | None) -> list[MetricPoint]:
        found = query.series(
            model.name, f"business.{kpi}", since=before - SHOWN * model.grain.length, until=before, now=now,
            as_of=as_of,
        )  # fmt: skip
        return [point for point in found if point.value.state is ValueState.OK]

    known = told_at(before)
    if not known:
        return ""
    until = known[-1].window.end
    first = until - timedelta(days=7)
    week = [point for point in known if point.window.start >= first]
    starts = {point.window.start for point in week}
    later = [point for point in told_at(None) if point.window.start in starts]
    was, is_ = together(week).value, together(later).value
    unit, currency = kpi_unit(model.kpis[kpi])
    told, tells = (figure(value, unit, currency=currency) for value in (was, is_))
    if was is None or is_ is None or told == tells:
        return ""
    said = {point.window.start: point.value.value for point in week}
    other = [point for point in later if point.value.value != said[point.window.start]]
    why = ", ".join(dict.fromkeys(point.why for point in other if point.why))
    zone = query.project.zone
    days = ngettext("{n} day was restated", "{n} days were restated", len(other)).format(n=len(other))
    return _("{title}, week to {day}: {value}; the last digest said {before}. {days}.").format(
        title=model.kpis[kpi].title or kpi,
        day=day_text((until - timedelta(seconds=1)).astimezone(zone).date()),
        value=tells,
        before=told,
        days=f"{days}: {why}" if why else days,
    )


def _counted(kpi: Kpi) -> str:
    """Return what a share is counted among: the denominator's column in words."""
    name = kpi.denominator or ""
    return name.replace("_", " ") if name.isidentifier() else _("predictions")


def _series(query: Query, model: Model, kpi: str, now: datetime) -> list[MetricPoint]:
    since = now - SHOWN * model.grain.length - timedelta(days=40)
    return query.series(model.name, f"business.{kpi}", since=since, until=now, now=now)


def _picture(query: Query, model: Model, goal: Goal, text: str, now: datetime) -> Picture | None:
    if not pictures.can_draw():
        return None
    zone = query.project.zone
    unit, _currency = kpi_unit(model.kpis[goal.kpi])
    dots = [
        pictures.Dot(
            day=point.window.local_day(zone), value=point.value.value, lower=point.value.lower,
            upper=point.value.upper, final=point.value.state is ValueState.OK,
        )
        for point in _series(query, model, goal.kpi, now)[-SHOWN:]
        if point.value.state is not ValueState.OPEN
    ]  # fmt: skip
    if len(dots) < 3:
        return None
    name = f"goal-{model.name}-{goal.kpi}"
    return pictures.trend(
        name,
        dots,
        text=text,
        percent=unit == "percent",
        target=goal.target,
        normal=goal.baseline,
        normal_word=_("baseline"),
        language=query.project.language,
    )


def _coming(query: Query, model: Model, kpi: str, now: datetime) -> str:
    coming = [point for point in _series(query, model, kpi, now) if point.value.state is ValueState.IMMATURE]
    if not coming:
        return ""
    zone = query.project.zone
    first, last = (day_text(point.window.local_day(zone)) for point in (coming[0], coming[-1]))
    words = ngettext(
        "{n} day is still coming in ({first}); it is drawn hollow.",
        "{n} days are still coming in ({first} to {last}); they are drawn hollow.",
        len(coming),
    )
    return words.format(n=len(coming), first=first, last=last)


def _gaps(query: Query, model: Model, now: datetime) -> list[str]:
    """Return the closed windows of the last two weeks of which nothing is known, in words."""
    zone = query.project.zone
    since = window_at(now - 14 * model.grain.length, model.grain, zone).end
    with query.store.read() as session:
        rows = {row.start: row for row in windows.windows(session, model.name, model.grain, since, now)}
        first = min((row.start for row in windows.windows(session, model.name, model.grain)), default=None)
    if first is None:
        return [_("Nothing has been collected yet.")]
    found = []
    for window in windows_between(max(since, first), now, model.grain, zone):
        if window.is_open(now, model.settle_of(model.grain)):
            continue
        row = rows.get(window.start)
        day = local_time(window.start, zone)
        if row is None:
            found.append(_("{day}: no rows").format(day=day))
        elif row.state != "ok":
            found.append(
                _("{day}: {reason}").format(day=day, reason=row.reason or _("could not be collected"))
            )
    rest = len(found) - MOST
    more = [ngettext("and {n} more", "and {n} more", rest).format(n=rest)] if rest > 0 else []
    return found[:MOST] + more


def _is_news(row: AlertRow, now: datetime) -> bool:
    fresh = row.raised_at > now - timedelta(days=7)
    return bool(row.evidence.get("good")) and row.state == AlertState.FIRING and fresh


def _ticket_line(row: TicketRow, tried: Sequence[ProofRow], zone: ZoneInfo) -> str:
    word = wording.severity_word(row.severity)
    told = _("{severity}: {title}, since {when}").format(
        severity=word[:1].upper() + word[1:], title=row.title, when=local_time(row.opened_at, zone)
    )
    if row.state == TicketState.RETRAINING:
        return told + ". " + _("A retraining runs.")
    if row.state == TicketState.UNCONFIRMED:
        return told + ". " + _("It is not known what became of the retraining") + "."
    return " ".join([f"{told}.", *(_proof_words(one) for one in tried)]) if tried else told


def _closed_line(row: TicketRow, tried: Sequence[ProofRow]) -> str:
    verified = [one for one in tried if row.resolution == Resolution.VERIFIED]
    why = " ".join(_proof_words(one) for one in verified) or wording.resolution_sentence(row.resolution)
    return f"{row.title}. {why}"


def _proof_words(row: ProofRow) -> str:
    said = proofs.sentence(ProofFact.model_validate(row.result)) if row.result else ""
    return " ".join(filter(None, (proofs.verdict(row.outcome, row.version), said)))


def _by_severity(work: Sequence[TicketRow]) -> list[TicketRow]:
    return sorted(work, key=lambda row: (_SEVERITY.index(Severity(row.severity)), row.opened_at))


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith((".", "!", "?")) else text
