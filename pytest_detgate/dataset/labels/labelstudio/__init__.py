"""Label Studio labels."""
