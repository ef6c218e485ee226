"""A static limit: the value lies above or below a number that somebody chose."""

from typing import Self

from pydantic import Field, model_validator

from alerts.rules.base import Judgement, RuleOptions, Series, Verdict, has_number, unknown
from core.config.problems import RefusedError
from core.text import gettext as _
from core.windows import Grain

LOOKS_BACK = dict.fromkeys(Grain, 0)


class Options(RuleOptions):
    """`above`, `below` in the metric's unit (a share is 0–1); at least one of them."""

    above: float | None = Field(None)
    below: float | None = Field(None)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.above is None and self.below is None:
            raise RefusedError(_("A threshold needs a limit."), allowed="above, below")
        if self.above is not None and self.below is not None and self.below > self.above:
            raise RefusedError(
                _("No value lies between these limits."), key="below", allowed=_("below ≤ above")
            )
        return self


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge each window by its value alone; the limit itself is still inside."""
    found = []
    for point in series.points:
        if not has_number(point):
            found.append(unknown(point))
            continue
        value = point.value.value
        assert value is not None
        limit, words = None, ""
        if options.above is not None and value > options.above:
            limit, words = options.above, _("{title} is {value}, above {limit}")
        elif options.below is not None and value < options.below:
            limit, words = options.below, _("{title} is {value}, below {limit}")
        found.append(
            Judgement(
                window=point.window,
                verdict=Verdict.CALM if limit is None else Verdict.HARM,
                reason=words.format(
                    title=series.title, value=series.figure(value), limit=series.figure(limit)
                ),
                value=value,
                expected=limit,
                low=options.below,
                high=options.above,
                effect=None if limit is None else value - limit,
                lower=point.value.lower,
                upper=point.value.upper,
                n=point.value.n,
            )
        )
    return found
