"""The use cases of the metadata plane, one function each, sharing the caller's transaction."""
