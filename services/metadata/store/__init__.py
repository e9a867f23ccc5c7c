"""Read and write the metadata schema: one function, one query."""
