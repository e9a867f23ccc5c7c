"""The SQL of the events plane."""
