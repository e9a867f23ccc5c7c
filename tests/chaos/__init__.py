"""Kill processes at named points, under load, and count what remains."""
