"""One simulated day: who is called, who gets the offer, and what comes of it; the same on every machine."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from goalkeeper.demo import people, story
from goalkeeper.demo.people import People
from goalkeeper.demo.releases import STORY, Releases
from goalkeeper.demo.scoring import Logistic

Micros = NDArray[np.int64]
HOUR = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls of a day in time order; times are microseconds since 1970 in UTC.

    `who` is as the log tells it: a number that went missing is NaN. `scored` is False where the service
    answered with an error; nobody gets the offer then.
    """

    day: date
    model: Logistic
    ids: list[str]
    called: Micros
    who: People
    scored: NDArray[np.bool_]
    offered: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    converted: NDArray[np.bool_]
    closed: Micros

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)


def calls_of(day: date, releases: Releases = STORY) -> Calls:
    """Simulate a day, with the version that serves on it."""
    return _calls_of(day, releases.on(day))


@lru_cache(maxsize=16)
def _calls_of(day: date, model: Logistic) -> Calls:
    rng = np.random.default_rng([story.SEED, day.toordinal()])
    usual = story.WEEKEND_CALLS if day.weekday() >= 5 else story.WEEKDAY_CALLS
    size = int(rng.poisson(usual * rng.normal(1, 0.03)))
    spring = story.SPRING_SHARE if day in story.SPRING else story.SPRING_PILOT
    who = people.draw(rng, size, spring)
    if day in story.MISSING:
        lost = who.region == story.MISSING_REGION
        who.numeric[story.MISSING_COLUMN][lost] = np.nan
    hours = np.sort(rng.triangular(story.OPENS, 12.5, story.CLOSES, size))
    midnight = _micros(datetime.combine(day, time(), tzinfo=story.ZONE))
    called = midnight + np.floor(hours * HOUR).astype(np.int64)
    burst = (day == story.ERRORS_ON) & np.isin(hours.astype(int), list(story.ERROR_HOURS))
    failed = rng.random(size) < np.where(burst, story.ERROR_SHARE, story.QUIET_ERRORS)
    offered = model.answer_people(who)[1] & ~failed
    answered = rng.random(size) < story.ANSWERED
    converted = answered & (rng.random(size) < who.chance(offered))
    return Calls(
        day=day,
        model=model,
        ids=[f"{day:%Y%m%d}-{n:05}" for n in range(size)],
        called=called,
        who=who,
        scored=~failed,
        offered=offered,
        answered=answered,
        converted=converted,
        closed=called + _delays(rng, answered),
    )


def _delays(rng: np.random.Generator, answered: NDArray[np.bool_]) -> Micros:
    """Draw when outcomes become known: within hours for two in five, the others over up to seven days."""
    size = len(answered)
    soon = ~answered | (rng.random(size) < 0.4)
    hours = np.where(soon, rng.exponential(0.5, size), 6 + rng.exponential(40, size))
    longest = story.LONGEST.total_seconds() / 3600
    hours = np.where(hours < longest, hours, rng.uniform(24, longest, size))
    delays: Micros = np.floor(hours * HOUR).astype(np.int64)
    return delays


def known_on(day: date, releases: Releases = STORY) -> list[tuple[Calls, NDArray[np.bool_]]]:
    """Return the calls of the last days with a mask of those whose outcome became known on `day`."""
    midnight = _micros(datetime.combine(day, time(), tzinfo=story.ZONE))
    tomorrow = _micros(datetime.combine(day + timedelta(days=1), time(), tzinfo=story.ZONE))
    first = max(story.LOG.first, day - timedelta(days=story.LONGEST.days + 1))
    found = []
    for back in range((day - first).days + 1):
        calls = calls_of(first + timedelta(days=back), releases)
        found.append((calls, (calls.closed >= midnight) & (calls.closed < tomorrow)))
    return found


def _micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
