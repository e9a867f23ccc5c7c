"""Create records, their typed index, unique values and group stats, each bound to its workspace."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations, tables

revision = "0001"
down_revision = None

_VALUES: dict[str, list[sa.Column[Any]]] = {
    "value_text": [
        sa.Column("fold", sa.Text(collation="C"), primary_key=True),
        sa.Column("value", sa.Text(collation="C"), primary_key=True),
    ],
    "value_number": [sa.Column("value", sa.LargeBinary, primary_key=True)],
    "value_timestamp": [sa.Column("value", sa.DateTime(timezone=True), primary_key=True)],
    "value_date": [sa.Column("value", sa.Date, primary_key=True)],
    "value_ref": [sa.Column("value", sa.Uuid, primary_key=True)],
}


def upgrade() -> None:
    op.create_table(
        "records",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, nullable=False),
        sa.Column("doc", JSONB, nullable=False),
        sa.Column("folds", JSONB),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Numeric, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
        tables.time_column("delete_time", nullable=True),
        sa.Column("created_by", JSONB, nullable=False),
        sa.Column("updated_by", JSONB, nullable=False),
    )
    for name, columns in (
        ("object", ()),
        ("create_time", ("create_time",)),
        ("position", ("position",)),
    ):
        op.create_index(
            f"ix_records_{name}",
            "records",
            ["workspace_id", "object_id", *columns, "record_id"],
            postgresql_where=None if columns else sa.text("delete_time IS NULL"),
        )
    for name, value in _VALUES.items():
        op.create_table(
            name,
            sa.Column("workspace_id", sa.Uuid, primary_key=True),
            sa.Column("slot", sa.Uuid, primary_key=True),
            *value,
            sa.Column("record_id", sa.Uuid, primary_key=True),
        )
    op.create_table(
        "value_unique",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("constraint_id", sa.Uuid, primary_key=True),
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.Uuid, nullable=False),
    )
    op.create_table(
        "value_freed",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("constraint_id", sa.Uuid, primary_key=True),
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.Uuid, primary_key=True),
        tables.time_column("delete_time"),
    )
    op.create_table(
        "group_stats",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("stat_id", sa.Uuid, primary_key=True),
        sa.Column("group_key", sa.Text, primary_key=True),
        sa.Column("measure", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
    )
    op.create_table(
        "group_stat_deltas",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("stat_id", sa.Uuid, primary_key=True),
        sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Numeric, nullable=False),
    )
    op.create_table(
        "stat_states",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("stat_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, nullable=False),
        sa.Column("measures", sa.Text, nullable=False),
        tables.time_column("create_time"),
    )
    common = sa.MetaData(naming_convention=tables.NAMING)
    tables.common_tables(common)
    common.create_all(op.get_bind())
    migrations.secure(
        "records",
        [
            "records",
            *_VALUES,
            "value_unique",
            "value_freed",
            "group_stats",
            "group_stat_deltas",
            "stat_states",
        ],
        queues=["group_stat_deltas", "group_stats", "stat_states"],
    )
    migrations.common("records")
