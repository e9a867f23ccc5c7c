"""Describe the records schema; row security is in the migrations.

`records.doc` is the truth. The value tables are an index over it: a row for each indexed scalar,
whose primary key is their only index. `slot` is the field's id, or one derived from it for a part
of a composite. Texts stand with their fold in front, which sorts and compares alike in Postgres
and in Python.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)

records = sa.Table(
    "records",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("doc", JSONB, nullable=False),
    # Folds of the texts that are not pure ASCII, by their path in the document; of others the fold
    # is the lower-case text.
    sa.Column("folds", JSONB),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("position", sa.Numeric, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("delete_time", nullable=True),
    sa.Column("created_by", JSONB, nullable=False),
    sa.Column("updated_by", JSONB, nullable=False),
    sa.Index(
        "ix_records_object",
        "workspace_id",
        "object_id",
        "record_id",
        postgresql_where=sa.text("delete_time IS NULL"),
    ),
    sa.Index("ix_records_create_time", "workspace_id", "object_id", "create_time", "record_id"),
    sa.Index("ix_records_position", "workspace_id", "object_id", "position", "record_id"),
)


def _values(name: str, *value: "sa.Column[object]") -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("slot", sa.Uuid, primary_key=True),
        *value,
        sa.Column("record_id", sa.Uuid, primary_key=True),
    )


value_text = _values(
    "value_text",
    sa.Column("fold", sa.Text(collation="C"), primary_key=True),
    sa.Column("value", sa.Text(collation="C"), primary_key=True),
)
# Numbers in the order-preserving form of logic/numbers: see there why.
value_number = _values("value_number", sa.Column("value", sa.LargeBinary, primary_key=True))
value_timestamp = _values(
    "value_timestamp", sa.Column("value", sa.DateTime(timezone=True), primary_key=True)
)
value_date = _values("value_date", sa.Column("value", sa.Date, primary_key=True))
value_ref = _values("value_ref", sa.Column("value", sa.Uuid, primary_key=True))

value_unique = sa.Table(
    "value_unique",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("constraint_id", sa.Uuid, primary_key=True),
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("record_id", sa.Uuid, nullable=False),
)

# The unique values of deleted records: free for others, and found again by an upsert.
value_freed = sa.Table(
    "value_freed",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("constraint_id", sa.Uuid, primary_key=True),
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    time_column("delete_time"),
)

# Group stats: a base row per (statistic, group), and append-only deltas that a compactor folds in.
group_stats = sa.Table(
    "group_stats",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("group_key", sa.Text, primary_key=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
)
group_stat_deltas = sa.Table(
    "group_stat_deltas",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("group_key", sa.Text, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
)
stat_states = sa.Table(
    "stat_states",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("measures", sa.Text, nullable=False),
    time_column("create_time"),
)

common_tables(metadata)
