"""Execute runs: claim them, carry out their steps, settle what came of it."""
