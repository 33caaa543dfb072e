"""What the rules on false boxes, and on thresholds that limit them, have in common."""
