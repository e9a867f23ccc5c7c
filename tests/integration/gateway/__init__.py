"""Test the gateway against a double of the planes, and against the planes themselves."""
