"""Prove the artifacts plane on real Postgres, NATS and S3, through real channels."""
