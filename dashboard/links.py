"""Every view is a link: read the address, refuse what it cannot mean, and write it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.text import gettext as _
from core.windows import Grain, Window, window_at
from dashboard import text

CARRIED = ("model", "version", "segment", "from", "to", "compare", "against")
"""What goes along from a page of a model to the next one that is chosen from the list."""
PRESETS = {"7d": 7, "28d": 28, "90d": 90, "1y": 365}
DEFAULT_DAYS = 90
LONGEST = 5 * 366


@dataclass(frozen=True, kw_only=True)
class Range:
    """Local days, both inclusive, as the address says `from` and `to`."""

    first: date
    last: date

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return [since, until) as aware times."""
        since = datetime.combine(self.first, time(), tzinfo=zone)
        return since, datetime.combine(self.last + timedelta(days=1), time(), tzinfo=zone)

    @property
    def days(self) -> int:
        """Return the number of days in it."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A value from the address; `note` says why another one was taken."""

    value: str
    note: str = ""


def pick(params: Mapping[str, str], name: str, allowed: Sequence[str], default: str) -> Picked:
    """Return the address's `name`, or the default with a note where the address names something unknown."""
    asked = params.get(name)
    if asked is None or asked in allowed:
        return Picked(value=default if asked is None else asked)
    return Picked(
        value=default,
        note=_("The link names {what} “{value}”, which does not exist here; showing {shown} instead.").format(
            what=_what(name), value=text.markdown(asked, limit=60), shown=text.markdown(default) or _("all")
        ),
    )


def pick_range(params: Mapping[str, str], last: date) -> tuple[Range, str]:
    """Return the days that the address asks for (default: 90 up to `last`), and a note if it erred."""
    default = Range(first=last - timedelta(days=DEFAULT_DAYS - 1), last=last)
    asked = {name: params[name] for name in ("from", "to") if params.get(name)}
    try:
        first = date.fromisoformat(asked["from"]) if "from" in asked else None
        end = date.fromisoformat(asked["to"]) if "to" in asked else last
        picked = Range(first=first or end - timedelta(days=DEFAULT_DAYS - 1), last=end)
    except (ValueError, OverflowError):
        picked = None
    if picked is not None and 1 <= picked.days <= LONGEST and picked.first.year >= 1970 and end.year < 9000:
        return picked, ""
    shown = " … ".join(text.markdown(value, limit=30) for value in asked.values())
    return default, _("The link's range {range} is not two dates in order; showing the last 90 days.").format(
        range=shown
    )


def pick_number(params: Mapping[str, str], name: str) -> tuple[int | None, str]:
    """Return the address's whole number `name`, or a note where it is none."""
    asked = params.get(name)
    if not asked:
        return None, ""
    if asked.isascii() and asked.isdigit() and len(asked) <= 15:
        return int(asked), ""
    note = _("The link names {what} “{value}”, which is not a number; showing the list.")
    return None, note.format(what=_what(name), value=text.markdown(asked, limit=30))


def pick_time(params: Mapping[str, str], name: str, now: datetime) -> tuple[datetime | None, str]:
    """Return the address's earlier time `name`; None for now, with a note where it is no time."""
    asked = params.get(name)
    if not asked:
        return None, ""
    moment = _moment(asked)
    if moment is None or moment.tzinfo is None:
        note = _("The link names the time “{value}”, which cannot be read; showing the newest state.")
        return None, note.format(value=text.markdown(asked, limit=40))
    return (moment if moment < now else None), ""


def pick_day(params: Mapping[str, str], name: str, default: date) -> tuple[date, str]:
    """Return the day that the address names, else the default and a note on what was wrong."""
    asked = params.get(name)
    if not asked:
        return default, ""
    try:
        return date.fromisoformat(asked), ""
    except ValueError:
        return default, _("The day in the link is not one like 2026-04-07: {asked}.").format(
            asked=text.markdown(asked, limit=40)
        )


def pick_window(
    params: Mapping[str, str], name: str, grain: Grain, zone: ZoneInfo
) -> tuple[Window | None, str]:
    """Return the window that holds the address's time `name` (local where it has no zone); None without."""
    asked = params.get(name)
    if not asked:
        return None, ""
    moment = _moment(asked)
    if moment is None:
        note = _("The link names the window “{value}”, which cannot be read; no window is marked.")
        return None, note.format(value=text.markdown(asked, limit=40))
    return window_at(moment if moment.tzinfo else moment.replace(tzinfo=zone), grain, zone), ""


def _moment(asked: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(asked)
    except ValueError:
        return None
    return moment if 1970 < moment.year < 9000 else None


def window_text(window: Window, zone: ZoneInfo) -> str:
    """Return a window as the address names it: its local day, with the time where it is shorter."""
    start = window.start.astimezone(zone)
    return start.isoformat(timespec="minutes") if window.grain is Grain.HOUR else start.date().isoformat()


def carry(page: str, *, of_model: bool) -> None:
    """Put what was chosen on the last page of a model into an address that names nothing.

    An address with any of it is a link: it is taken as it stands.
    """
    came, st.session_state["came_from"] = st.session_state.get("came_from"), page
    if not of_model:
        return
    named = {name: st.query_params[name] for name in CARRIED if name in st.query_params}
    if not st.query_params.to_dict() and came not in (None, page):
        named = st.session_state.get("carried", {})
        st.query_params.from_dict(named)
    st.session_state["carried"] = named


def bound(name: str, value: str | int) -> str:
    """Return the key of a widget that shows `value` and writes itself into the address as `name`."""
    key = f"url-{name}"
    st.session_state[key] = value
    return key


def write(name: str) -> None:
    """Put the bound widget's value into the address; '' and None leave it."""
    value = st.session_state.get(f"url-{name}")
    if value:
        st.query_params[name] = str(value)
    else:
        st.query_params.pop(name, None)


def write_flag(name: str) -> None:
    """Put a bound switch into the address: '1' or nothing."""
    if st.session_state.get(f"url-{name}"):
        st.query_params[name] = "1"
    else:
        st.query_params.pop(name, None)


def _what(name: str) -> str:
    return {
        "model": _("the model"),
        "version": _("the version"),
        "segment": _("the segment"),
        "column": _("the column"),
        "view": _("the part of the page"),
        "ticket": _("the ticket"),
        "report": _("the report"),
        "message": _("the message"),
        "state": _("the state"),
        "rule": _("the rule"),
        "against": _("what it is compared with"),
        "metric": _("the metric"),
        "owner": _("the owner"),
        "tag": _("the tag"),
        "page": _("the page"),
        "as": _("the shape"),
    }.get(name, name)
