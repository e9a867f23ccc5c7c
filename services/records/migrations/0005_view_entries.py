"""Create view entries, their buckets and deltas, and what is known of the use of views."""

import sqlalchemy as sa
from alembic import op

from kit import migrations, tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "view_states",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, primary_key=True),
        sa.Column("set_id", sa.Uuid, primary_key=True),
        sa.Column("view_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("after_id", sa.Uuid),
        sa.Column("records", sa.BigInteger, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("change_time"),
        sa.CheckConstraint("state IN ('building', 'ready', 'dropping', 'off')", name="state"),
    )
    op.create_table(
        "view_entries",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("set_id", sa.Uuid, primary_key=True),
        sa.Column("group_key", sa.Text(collation="C"), primary_key=True),
        sa.Column("sort_key", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.Uuid, nullable=False),
    )
    op.create_table(
        "view_buckets",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("set_id", sa.Uuid, primary_key=True),
        sa.Column("group_key", sa.Text(collation="C"), primary_key=True),
        sa.Column("low", sa.LargeBinary, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "view_deltas",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("set_id", sa.Uuid, primary_key=True),
        sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("group_key", sa.Text(collation="C"), nullable=False),
        sa.Column("sort_key", sa.LargeBinary, nullable=False),
        sa.Column("change", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "view_uses",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("view_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, nullable=False),
        tables.time_column("window_start"),
        sa.Column("queries", sa.BigInteger, nullable=False),
        sa.Column("cost_us", sa.BigInteger, nullable=False),
        tables.time_column("last_time"),
        sa.Column("decision", sa.Text, nullable=False),
        tables.time_column("decision_time", nullable=True),
    )
    ready = sa.Column("ready", sa.Boolean, nullable=False, server_default=sa.text("true"))
    op.add_column("stat_states", ready)
    op.add_column("stat_states", tables.time_column("use_time"))
    migrations.secure(
        "records",
        ["view_states", "view_entries", "view_buckets", "view_deltas", "view_uses"],
        queues=["view_states", "view_deltas", "view_uses"],
    )
