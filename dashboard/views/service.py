"""How the service does: traffic, errors, latency and freshness, of all versions or each."""

from core.text import N_
from core.text import gettext as _
from dashboard import panel, sections
from dashboard.context import Context, Group, Page
from dashboard.view import opened

PAGE = Page(title=N_("Service"), icon=":material/dns:", order=15, group=Group.MODEL, of_model=True)


def render(context: Context) -> None:
    """Draw the page."""
    view = opened(context, _("Service"))
    if view is not None:
        panel.family(view, "service", sections.service(view.model))
