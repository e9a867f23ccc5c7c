"""Create what rollups are kept in: definitions for writers, what they add, and what was folded."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, primary_key=True),
        sa.Column("rollup_id", sa.Uuid, primary_key=True),
        sa.Column("definition", JSONB, nullable=False),
    )
    op.create_table(
        "rollup_deltas",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("rollup_id", sa.Uuid, primary_key=True),
        sa.Column("parent_id", sa.Uuid, primary_key=True),
        sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
        sa.Column("added", JSONB),
        sa.Column("removed", JSONB),
        sa.Column("cause", JSONB, nullable=False),
    )
    op.create_table(
        "rollup_sums",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("rollup_id", sa.Uuid, primary_key=True),
        sa.Column("parent_id", sa.Uuid, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
    )
    migrations.secure(
        "records", ["rollups", "rollup_deltas", "rollup_sums"], queues=["rollup_deltas"]
    )
