"""Remember how far each workspace's links are known, and let an index count those of one end."""

import sqlalchemy as sa
from alembic import op

from kit import migrations, tables

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "record_link_states",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.Text, nullable=False, server_default="building"),
        sa.Column("after_id", sa.Uuid),
        tables.time_column("check_time"),
        sa.CheckConstraint("state IN ('building', 'ready')", name="state"),
    )
    migrations.secure("records", ["record_link_states"], queues=["record_link_states"])
    op.drop_index("ix_record_links_ends", "record_links")
    op.create_index(
        "ix_record_links_ends",
        "record_links",
        ["workspace_id", "link_type_id", "outward", "record_id", "other_id"],
        postgresql_where=sa.text("live"),
    )
