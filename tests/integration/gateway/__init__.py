"""Test the gateway against a double of the planes at their gRPC boundary, and against the planes."""
