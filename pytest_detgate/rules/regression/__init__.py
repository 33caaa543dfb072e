"""What the rules that compare with a baseline have in common."""
