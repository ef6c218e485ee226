"""Run migrations on the connection that store/upgrading.py hands over, or write the next one."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from store.tables import Base, UtcTime


def _written(kind: str, thing: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write a migration without types of ours, which may change after it."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=_written,
)
with context.begin_transaction():
    context.run_migrations()
