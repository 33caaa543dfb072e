"""What the rules on alarms have in common."""
