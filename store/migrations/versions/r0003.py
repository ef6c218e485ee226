"""A version's own reference stands beside the model's."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the references that are there are the models'."""
    op.add_column("reference", sa.Column("version", sa.String(), server_default="", nullable=False))
