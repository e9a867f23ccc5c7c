"""Let replays send history to workflows and rules."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KINDS = "kind IN ('dead_letters', 'events', 'recovery', 'workflow')"


def upgrade() -> None:
    op.add_column("replays", sa.Column("workflow_id", sa.Uuid(), nullable=True))
    op.drop_constraint(op.f("ck_replays_kind"), "replays")
    op.create_check_constraint(op.f("ck_replays_kind"), "replays", _KINDS)
