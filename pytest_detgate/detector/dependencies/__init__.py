"""What a model or a training depends on, seen while it is made."""
