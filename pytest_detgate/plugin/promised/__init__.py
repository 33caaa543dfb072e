"""Every item that was promised has a verdict."""
