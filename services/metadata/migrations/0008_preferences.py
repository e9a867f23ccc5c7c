"""Add how principals read dates."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in ("members", "api_keys"):
        for name in ("time_zone", "week_start"):
            op.add_column(table, sa.Column(name, sa.Text, nullable=False, server_default=""))
