"""Prove the automation plane on real Postgres and NATS, its neighbours standing in over gRPC."""
