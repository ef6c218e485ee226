"""A version's own reference stands beside the model's; what the reference showed is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column (the references that are there are the models') and the table."""
    op.add_column("reference", sa.Column("version", sa.String(), server_default="", nullable=False))
    op.create_table(
        "baseline",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
