"""Find what waits for people among all that waits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index(
        "ix_waits_input",
        "waits",
        ["workspace_id", "run_id"],
        postgresql_where=sa.text("outcome = '' AND kind = 'input'"),
    )
