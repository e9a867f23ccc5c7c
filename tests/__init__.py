"""Prove what the platform promises, the way its users would see it."""
