"""Take deletions that follow one another's in batches, and remember which are to be reversed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("cascades", sa.Column("batch_id", sa.Uuid))
    op.add_column(
        "cascades",
        sa.Column("reversed", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_index(
        "ix_cascades_batch",
        "cascades",
        ["workspace_id", "batch_id"],
        postgresql_where=sa.text("state = 'queued'"),
    )
