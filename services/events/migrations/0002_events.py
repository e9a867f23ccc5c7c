"""Add replays and their queue, the list of open letters, and deliveries that merge updates."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from kit import migrations

revision = "0002"
down_revision = "0001"

_NOW = sa.text("now()")
_STATES = ("running", "succeeded", "cancelled", "failed")
_KINDS = ("dead_letters", "events", "recovery")
_DELIVERY_STATES = ("pending", "delivering", "succeeded", "dead", "merged")


def _time(name: str, *, nullable: bool = False) -> "sa.Column[datetime]":
    default = None if nullable else _NOW
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def upgrade() -> None:
    op.create_table(
        "open_letters",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        _time("create_time"),
        sa.PrimaryKeyConstraint("workspace_id", "letter_id", name=op.f("pk_open_letters")),
    )
    op.create_table(
        "replays",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), server_default="", nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        _time("create_time"),
        _time("update_time"),
        _time("finish_time", nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "id", name=op.f("pk_replays")),
        sa.CheckConstraint(_one_of("kind", _KINDS), name=op.f("ck_replays_kind")),
        sa.CheckConstraint(_one_of("state", _STATES), name=op.f("ck_replays_state")),
    )
    op.create_table(
        "replay_queue",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("replay_id", sa.Uuid(), nullable=False),
        _time("due_time"),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "replay_id", name=op.f("pk_replay_queue")),
    )
    op.create_index("ix_replay_queue_due_time", "replay_queue", ["due_time"])
    op.add_column(
        "subscriptions",
        sa.Column("coalesce_seconds", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column("deliveries", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.drop_constraint(op.f("ck_deliveries_state"), "deliveries")
    op.create_check_constraint(
        op.f("ck_deliveries_state"), "deliveries", _one_of("state", _DELIVERY_STATES)
    )
    # The owner is bound by row security too, and let through for this one copy.
    op.execute("ALTER TABLE dead_letters NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO open_letters (workspace_id, letter_id, create_time)"
        " SELECT workspace_id, id, create_time FROM dead_letters WHERE state = 'open'"
    )
    op.execute("ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY")
    queues = ["open_letters", "replay_queue"]
    migrations.secure("events", ["replays", *queues], queues=queues)
