"""The way of a result from an item to the record."""
