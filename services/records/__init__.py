"""Store records of objects that were defined a second ago, and read them back fast."""
