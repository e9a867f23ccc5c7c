"""Rules of the events plane that need no database."""
