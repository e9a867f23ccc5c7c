"""Add what tells of an object's records that they mean the same thing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    none = sa.text("'[]'::jsonb")
    op.add_column(
        "objects", sa.Column("duplicate_criteria", JSONB, nullable=False, server_default=none)
    )
