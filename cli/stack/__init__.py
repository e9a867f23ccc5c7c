"""The embedded stack: Postgres, NATS, S3 and our own services as supervised local processes."""
