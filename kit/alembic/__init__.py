"""Hold the one Alembic environment of all services."""
