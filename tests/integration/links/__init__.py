"""Prove the links plane on real Postgres and NATS, through real channels."""
