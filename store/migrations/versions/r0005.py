"""Retrainings, the proof that a new version is better, and where tickets are mirrored."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the three tables."""
    op.create_table(
        "retraining",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("ticket_id", SERIAL, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_retraining_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
        sa.UniqueConstraint("key", name=op.f("uq_retraining_key")),
    )
    op.create_index(op.f("ix_retraining_ticket_id"), "retraining", ["ticket_id"])
    op.create_index(op.f("ix_retraining_model"), "retraining", ["model"])
    op.create_table(
        "proof",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("ticket_id", SERIAL, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("retraining_id", SERIAL, nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_proof_ticket_id_ticket")),
        sa.ForeignKeyConstraint(
            ["retraining_id"], ["retraining.id"], name=op.f("fk_proof_retraining_id_retraining")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof")),
        sa.UniqueConstraint("ticket_id", "version", name=op.f("uq_proof_ticket_id_version")),
    )
    op.create_index(op.f("ix_proof_ticket_id"), "proof", ["ticket_id"])
    op.create_table(
        "mirror",
        sa.Column("ticket_id", SERIAL, nullable=False),
        sa.Column("tracker", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("heard_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_mirror_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", "tracker", name=op.f("pk_mirror")),
    )
