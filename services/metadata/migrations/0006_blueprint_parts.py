"""Add what blueprints have brought beside definitions, and what is still to be done for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("blueprints", sa.Column("parts", JSONB, nullable=False, server_default="{}"))
    op.add_column("blueprints", sa.Column("pending", JSONB, nullable=False, server_default="[]"))
    op.add_column(
        "blueprints",
        sa.Column("leaving", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
