"""What a run leaves of its inputs in the record."""
