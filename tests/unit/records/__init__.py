"""Check the decisions of the records plane."""
