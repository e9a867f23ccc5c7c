"""Check decisions: no server, no network."""
