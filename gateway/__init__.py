"""Answer HTTP clients by calling the services; keeps no state."""
