"""Keep how far each consumer has come with each record, so that it takes events in their order."""

import sqlalchemy as sa
from alembic import op

from kit import migrations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "record_heads",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "record_id", "consumer", name=op.f("pk_record_heads")
        ),
    )
    migrations.secure("events", ["record_heads"])
