"""Prometheus, or whatever speaks its HTTP API: PromQL evaluated at the end of each window.

`$window` stands for the window's length, so a query looks at the window and at nothing else:
`histogram_quantile(0.95, sum by (le) (increase(http_request_duration_seconds_bucket[$window])))`.
"""

import json
import math
import urllib.parse
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from collectors.telemetry import base
from core.errors import DeliveryError, SourceError
from core.text import gettext as _
from core.web import SecretAddress, WebOptions, ask
from core.windows import Window

_MOST = 5000
"""Prometheus answers with at most 11,000 points."""


class Options(WebOptions):
    """`url` of the server, and how to be let in: a bearer `token`, or `user` and `password`."""

    url: SecretAddress


class Telemetry(base.Telemetry):
    """One server."""

    options: Options

    def values(self, query: str, windows: Sequence[Window]) -> Mapping[Window, float]:
        """Ask once for each run of windows of one length."""
        found: dict[Window, float] = {}
        for run in _runs(windows):
            length = run[0].end - run[0].start
            step = length // timedelta(seconds=1)
            told = self._range(query.replace("$window", f"{step}s"), run, step)
            ends = {int(window.end.timestamp()): window for window in run}
            found |= {ends[at]: value for at, value in told.items() if at in ends}
        return found

    def _range(self, query: str, run: Sequence[Window], step: int) -> dict[int, float]:
        first, last = (int(window.end.timestamp()) for window in (run[0], run[-1]))
        asked = urllib.parse.urlencode({"query": query, "start": first, "end": last, "step": step})
        url = f"{self.options.url.reveal().rstrip('/')}/api/v1/query_range?{asked}"
        try:
            told = json.loads(ask("GET", url, None, self.options.headers(), timeout=self.options.timeout))
            series = told["data"]["result"]
        except DeliveryError as error:
            hint = _("Try it in Prometheus itself: {query}").format(query=query) if error.permanent else ""
            raise SourceError(str(error).partition("\n")[0], hint=hint) from error
        except (ValueError, LookupError, TypeError) as error:
            raise SourceError(
                _("This is no answer of Prometheus."), hint=_("Look at `telemetry.url`.")
            ) from error
        if len(series) > 1:
            raise SourceError(
                _("The query answers with {n} series where one is needed: {query}").format(
                    n=len(series), query=query
                ),
                hint=_("Put `sum(…)`, `avg(…)` or `max(…)` around it."),
            )
        points = series[0]["values"] if series else []
        return {round(float(at)): value for at, text in points if math.isfinite(value := float(text))}


def _runs(windows: Sequence[Window]) -> list[list[Window]]:
    """Cut windows into runs of one length without a gap that is no multiple of it, none too long."""

    def key(place: tuple[int, Window]) -> Any:
        window = place[1]
        length = int((window.end - window.start).total_seconds())
        return length, int(window.end.timestamp()) % length, place[0] // _MOST

    ordered = sorted(windows, key=lambda window: (window.end - window.start, window.end))
    return [[window for _at, window in found] for _key, found in groupby(enumerate(ordered), key=key)]
