"""What an experiment says in words: guards first, then what the model adds over its control arm."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from core.config import Model
from core.dates import length_text
from core.figures import figure, points
from core.text import gettext as _
from core.trial import Trial
from core.units import kpi_unit
from metrics.experiments import (
    LEAST_UNITS,
    MAY_CHANGE,
    RATIO_WRONG,
    balanced,
    effect,
    more_time,
    ratio_evidence,
)  # fmt: skip
from store.trials import Counted, counted_trial

MONTH = timedelta(days=30.4375)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`guards` say why the arms must not be compared; without any `said` holds a sentence for each KPI."""

    guards: tuple[str, ...]
    said: tuple[str, ...]


def verdict(session: Session, model: Model) -> Verdict | None:
    """Return what an experiment says; None for a model without one.

    Limits hold at all times at once, so it may be looked at every day.
    """
    if model.experiment is None:
        return None
    found = counted_trial(session, model.name)
    if found is None or found.since is None:
        return Verdict(guards=(), said=(_("The experiment has no rows whose outcomes are known yet."),))
    guards = tuple(_guards(model, found, found.since, model.experiment.share))
    return Verdict(guards=guards, said=() if guards else tuple(_said(model, found.since)))


def _guards(model: Model, found: Counted, since: Trial, share: float) -> Iterator[str]:
    arms = since.units["model"], since.units["control"]
    if sum(arms) and ratio_evidence(*arms, share) >= RATIO_WRONG:
        yield _(
            "The control arm holds {share} of the units, {planned} were planned: that is no chance."
            " Find out who is left out, or counted twice, before the arms are compared."
        ).format(share=figure(arms[1] / sum(arms), "percent"), planned=figure(share, "percent"))
    if sum(arms) and since.both / (sum(arms) - since.both) > MAY_CHANGE:
        yield _(
            "{share} of the units were seen in both arms: what the model does reaches the control arm too."
            " Assign each unit once."
        ).format(share=figure(since.both / (sum(arms) - since.both), "percent"))
    for kpi, sides in () if found.before is None else found.before.kpis.items():
        if len(sides) < 2:
            continue
        apart = effect(sides["model"], sides["control"])
        if apart is not None and apart.is_clear:
            title, unit, currency = _named(model, kpi)
            yield _(
                "{title} differed between the arms before the experiment began, by {value} (likely {lower} to"
                " {upper}): they are not alike."
            ).format(
                title=title, value=points(apart.value, unit, currency=currency),
                lower=points(apart.lower, unit, currency=currency),
                upper=points(apart.upper, unit, currency=currency),
            )  # fmt: skip


def _said(model: Model, since: Trial) -> Iterator[str]:
    for kpi, sides in since.kpis.items():
        title, unit, currency = _named(model, kpi)
        found = effect(sides["model"], sides["control"]) if len(sides) == 2 else None
        if found is None:
            fewest = min(since.units.values())
            yield _("{title}: too early, {n} units in the smaller arm; {least} are needed.").format(
                title=title, n=fewest, least=LEAST_UNITS
            )
            continue
        arm, length = sides["model"], since.last - since.first
        told = {
            "title": title,
            "value": points(found.value, unit, currency=currency),
            "lower": points(found.lower, unit, currency=currency),
            "upper": points(found.upper, unit, currency=currency),
        }
        if found.is_clear:
            up = model.direction_of(kpi) == "up"
            words = (
                _("The model does good: {title} {value} against control, likely {lower} to {upper}")
                if (found.value > 0) is up
                else _("The model does harm: {title} {value} against control, likely {lower} to {upper}")
            )
            count = abs(found.value) * arm.y * (MONTH / length)
            more = _(", about {n} more a month.") if found.value > 0 else _(", about {n} fewer a month.")
            counted = model.kpis[kpi].mean is None and count >= 1
            yield words.format(**told) + (more.format(n=figure(count, "count")) if counted else ".")
            continue
        times = more_time(found, balanced(sides["model"], sides["control"]))
        if times is None or (times - 1) * length > timedelta(days=365):
            yield _(
                "{title}: no difference can be told, {value} so far (likely {lower} to {upper}). At this pace"
                " it would take more than a year."
            ).format(**told)
        else:
            yield _(
                "{title}: too early, {value} so far (likely {lower} to {upper}). If that is what it is, about"
                " {more} more will tell."
            ).format(**told, more=length_text((times - 1) * length))


def _named(model: Model, kpi: str) -> tuple[str, str, str]:
    unit, currency = kpi_unit(model.kpis[kpi])
    return model.kpis[kpi].title or kpi, unit, currency
