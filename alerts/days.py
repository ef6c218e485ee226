"""Days that are not like others: a country's holidays and the project's own dates."""

from collections.abc import Mapping
from datetime import date

from core.config import Calendar
from core.errors import GoalkeeperError
from core.text import gettext as _


def holidays_of(calendar: Calendar, first: date, last: date) -> Mapping[date, str]:
    """Return the holidays from `first` to `last` by day, in words.

    Raises:
        GoalkeeperError: a country is named and the package `holidays` does not know it, or is not installed.
    """
    found: dict[date, str] = {}
    if calendar.country:
        country, _dash, part = calendar.country.partition("-")
        years = range(first.year, last.year + 1)
        try:
            import holidays

            found.update(holidays.country_holidays(country, subdiv=part or None, years=years))
        except ImportError as error:
            raise GoalkeeperError(
                _("calendar: {country} needs the package 'holidays'.").format(country=calendar.country),
                hint=_("Install it with: pip install holidays"),
            ) from error
        except NotImplementedError as error:
            raise GoalkeeperError(
                _("calendar: there are no holidays known for '{country}'.").format(country=calendar.country),
                hint=_("Name a country by its two letters (RU, US-CA), or give own dates."),
            ) from error
    found.update({day.date: day.name or _("own date") for day in calendar.dates})
    return {day: name for day, name in found.items() if first <= day <= last}
