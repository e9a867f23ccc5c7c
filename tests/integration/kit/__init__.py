"""Prove the kit on real Postgres and NATS."""
