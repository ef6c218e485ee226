"""BentoML's monitoring log: <monitor>/data/data.<worker>.log beside <monitor>/schema/schema.<worker>.log.

The schema says which columns are features, predictions and targets, so no field map is needed. Times are
local and name no zone: `timezone:` has to. BentoML writes neither status nor latency.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from collectors.payloads import MOST_BYTES, MisfitError, decoded
from collectors.sources._payloads import PayloadOptions, PayloadSource, Place, asked, time_of
from collectors.sources.base import Setting
from core.errors import SourceError
from core.text import gettext as _

_OPEN = 10_000
"""So many requests may write their rows among each other."""
_ROLES = {"prediction": "prediction", "target": "label"}


class Options(PayloadOptions):
    """`path` of the data files: monitoring/<monitor>/data/*."""


class Source(PayloadSource):
    """Rows as the service logged them; several with one request id are told apart by their order."""

    patterns = ("**/data/data.*.log*",)
    local_times = True

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if setting.zone is None:
            raise SourceError(
                _("{use}: BentoML writes local times without a zone.").format(use=setting.use),
                hint=_("Say where the service runs: `timezone: Europe/Berlin`."),
            )
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._schemas: dict[str, Mapping[str, Any]] = {}

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for what BentoML adds to each row."""
        return all(key in head for key in (b'"timestamp"', b'"request_id"', b'"trace_id"'))

    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the row of one line."""
        row = decoded(record)
        time, request = row.pop("timestamp"), str(row.pop("request_id"))
        row.pop("trace_id", None)
        if any(isinstance(value, list | dict) for value in row.values()):
            row = {name: value for name, value in row.items() if not isinstance(value, list | dict)}
        schema = self._schema(place)
        index = self._counts.pop(request, 0)
        self._counts[request] = index + 1
        if len(self._counts) > _OPEN:
            self._counts.popitem(last=False)
        zone = self.setting.zone
        local = time_of(time, zone).astimezone(zone)
        yield {
            "request_id": request, "row_index": index, "event_time": local.replace(tzinfo=None),
            "version": schema.get("meta_data", {}).get("bento_version"),
            "model": place.folders[-2] if len(place.folders) > 1 else None, **asked(row),
        }  # fmt: skip

    def uses(self) -> Mapping[str, str]:
        """Add what the schema says of predictions and targets."""
        found = dict(super().uses())
        for schema in self._schemas.values():
            for column in schema.get("columns", ()):
                use = _ROLES.get(str(column.get("role")))
                if use is not None:
                    found[use] = next(iter(asked({str(column["name"]): None})))
        return found

    def _schema(self, place: Place) -> Mapping[str, Any]:
        """Return the newest schema of the worker that wrote a file; an empty one where there is none."""
        folder, _sep, file = place.path.rpartition("/data/")
        path = f"{folder}/schema/schema{file.removeprefix('data')}"
        if path not in self._schemas:
            self._schemas[path] = {}
            for candidate in (path, f"{path.rpartition('.log')[0]}.log"):
                try:
                    lines = self._opened(candidate)[2].read(MOST_BYTES).splitlines()
                    self._schemas[path] = decoded([line for line in lines if line.strip()][-1])
                except (OSError, LookupError, MisfitError, SourceError):
                    continue
                break
        return self._schemas[path]
