"""Everything that is made from the record."""
