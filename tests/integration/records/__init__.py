"""Tests of the records plane: its servicer behind a real channel, on a real Postgres."""
