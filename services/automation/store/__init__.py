"""Keep rules, runs, steps and the queue of runs: all of the plane's SQL."""
