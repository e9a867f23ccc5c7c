"""Note how far headers that were stored in the clear have been sealed."""

import sqlalchemy as sa
from alembic import op

from kit import migrations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "header_sweeps",
        sa.Column("workspace_id", sa.Uuid, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("last_id", sa.Uuid, nullable=False),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("workspace_id", "part", name=op.f("pk_header_sweeps")),
        sa.CheckConstraint(
            "part IN ('rules', 'workflows', 'drafts', 'steps')",
            name=op.f("ck_header_sweeps_part"),
        ),
    )
    migrations.secure("automation", ["header_sweeps"])
