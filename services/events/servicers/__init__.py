"""Answer the calls of the events plane."""
