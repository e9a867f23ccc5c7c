"""Create what filters know of links: both ends of each, as the links plane announced them."""

import sqlalchemy as sa
from alembic import op

from kit import migrations

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "record_links",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("link_id", sa.Uuid, primary_key=True),
        sa.Column("outward", sa.Boolean, primary_key=True),
        sa.Column("link_type_id", sa.Uuid, nullable=False),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("other_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
    )
    op.create_index(
        "ix_record_links_ends",
        "record_links",
        ["workspace_id", "link_type_id", "record_id", "outward", "other_id"],
        postgresql_where=sa.text("live"),
    )
    migrations.secure("records", ["record_links"])
