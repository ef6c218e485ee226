"""What drift is told by is kept, window by window."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "contrast",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    op.create_table(
        "trace",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("inputs_mark", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "start"),
    )
