"""Changes of definitions with data: metadata and records together."""
