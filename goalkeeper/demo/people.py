"""The customers on a day's list: what the log tells of them, and how they really decide."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goalkeeper.demo import story

Floats = NDArray[np.float64]
NUMERIC = (
    "age",
    "tenure_months",
    "monthly_bill",
    "contacts_before",
    "days_since_contact",
    "web_visits",
)
PLANS = ("basic", "plus", "family")
CHANNELS = ("app", "web", "shop")
REGIONS = ("centre", "north", "south", "west", "east")
REGION_SHARES = (0.36, 0.24, 0.12, 0.16, 0.12)
CAMPAIGNS = ("renewal", "upgrade", "winback")
CAMPAIGN_SHARES = (0.5, 0.3, 0.2)
OFFER = 1.9
"""What the special offer adds to the log-odds."""


@dataclass(frozen=True, kw_only=True)
class People:
    """Customers: `numeric` by column, levels as words, `logit`: the log-odds to buy once they answer."""

    numeric: dict[str, Floats]
    plan: NDArray[Any]
    channel: NDArray[Any]
    region: NDArray[Any]
    campaign: NDArray[Any]
    logit: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.logit)

    def chance(self, offered: NDArray[np.bool_]) -> Floats:
        """Return how likely each is to buy once they answer; the special offer helps everybody's odds."""
        chances: Floats = 1 / (1 + np.exp(-self.logit - OFFER * offered))
        return chances


def draw(rng: np.random.Generator, size: int, spring: float) -> People:
    """Draw a list of customers, `spring` of them from the new campaign.

    The new campaign's people are younger and new. Its advertisements send them to the web pages: who clicks
    around there is idle, who needs no look has made up their mind. For the others a visit means interest.
    """
    new = rng.random(size) < spring
    interest = rng.gamma(0.45, 2.6, size)
    clicks = rng.gamma(2.0, 1.3, size)
    numeric = {
        "age": np.clip(np.rint(np.where(new, rng.normal(31, 8, size), rng.normal(44, 12, size))), 18, 85),
        "tenure_months": np.floor(np.where(new, rng.gamma(1.3, 5, size), rng.gamma(2.0, 18, size))),
        "monthly_bill": np.round(np.exp(rng.normal(3.3, 0.4, size)), 2),
        "contacts_before": rng.poisson(np.where(new, 0.3, 1.4)).astype(np.float64),
        "days_since_contact": np.minimum(np.floor(rng.exponential(60, size)), 365.0),
        "web_visits": rng.poisson(np.where(new, clicks, interest)).astype(np.float64),
    }
    plan = np.array(PLANS)[rng.choice(len(PLANS), size, p=(0.55, 0.30, 0.15))]
    channel = np.array(CHANNELS)[rng.choice(len(CHANNELS), size, p=(0.45, 0.35, 0.20))]
    region = np.array(REGIONS)[rng.choice(len(REGIONS), size, p=REGION_SHARES)]
    old = np.array(CAMPAIGNS)[rng.choice(len(CAMPAIGNS), size, p=CAMPAIGN_SHARES)]
    logit = (
        -4.90
        + 0.014 * (np.minimum(numeric["tenure_months"], 90) - 36)
        + 0.020 * (numeric["monthly_bill"] - 29)
        - 0.14 * (numeric["contacts_before"] - 1.4)
        + 0.35 * (plan == "plus")
        + 0.55 * (plan == "family")
        + 0.20 * (channel == "app")
    )
    visits = np.log1p(numeric["web_visits"])
    logit = logit + np.where(new, 3.4 - 5.5 * visits, 1.75 * visits)
    return People(
        numeric=numeric,
        plan=plan,
        channel=channel,
        region=region,
        campaign=np.where(new, story.SPRING_NAME, old),
        logit=logit,
    )
