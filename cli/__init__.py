"""The `armature` command: run the platform on this machine, look at it, show what it does."""
