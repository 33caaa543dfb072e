"""Result files: what a detector found, as tools write it."""
