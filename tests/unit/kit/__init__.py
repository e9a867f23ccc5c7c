"""Check the decisions of the kit."""
