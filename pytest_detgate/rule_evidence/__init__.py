"""Evidence that several rules show."""
