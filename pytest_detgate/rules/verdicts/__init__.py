"""How an item becomes a verdict."""
