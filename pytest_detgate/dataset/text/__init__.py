"""Text, JSON and XML files."""
