"""Answer the calls of the automation plane."""
