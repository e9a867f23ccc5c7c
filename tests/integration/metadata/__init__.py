"""Test the metadata service through a real channel, on real Postgres and NATS."""
