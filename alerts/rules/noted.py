"""Something that the collector itself noted in a window: a column that vanished, appeared or changed type.

The series counts what was noted; the value's reason says what, naming old and new.
"""

from alerts.rules.base import Judgement, RuleOptions, Series, Verdict, has_number, unknown
from core.windows import Grain

LOOKS_BACK = dict.fromkeys(Grain, 0)


class Options(RuleOptions):
    """Nothing but `for`."""


def judge(series: Series, options: Options) -> list[Judgement]:
    """Call every window with a note harm."""
    found = []
    for point in series.points:
        value = point.value
        if not has_number(point) or value.value is None:
            found.append(unknown(point))
            continue
        harm = value.value > 0
        found.append(
            Judgement(
                window=point.window,
                verdict=Verdict.HARM if harm else Verdict.CALM,
                reason=value.reason or series.title if harm else "",
                value=value.value,
                n=value.n,
            )
        )
    return found
