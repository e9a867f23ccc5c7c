"""Keep edges, their ends' states and the queue of cascades in Postgres."""
