"""What the rules on metrics of ground truth have in common."""
