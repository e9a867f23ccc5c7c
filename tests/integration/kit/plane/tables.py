"""The kit's tables, and one where handlers leave their effects."""

import sqlalchemy as sa

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)
common_tables(metadata)
sa.Table(
    "effects",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    time_column("create_time"),
)
