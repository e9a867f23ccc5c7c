"""What the events plane does, one sentence a function."""
