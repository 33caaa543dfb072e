"""A detector with a cache."""
