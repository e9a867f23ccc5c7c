"""Create what tells a workspace's version in one statement, row security included."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
CREATE FUNCTION version_of(asked uuid) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT set_config('app.workspace_id', asked::text, true);
  SELECT version FROM metadata_versions WHERE workspace_id = asked;
$$"""
    )
