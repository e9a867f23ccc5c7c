"""Keep artifacts in Postgres, and bytes in an S3 store."""
