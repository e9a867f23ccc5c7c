"""The use cases of the plane, each within one transaction."""
