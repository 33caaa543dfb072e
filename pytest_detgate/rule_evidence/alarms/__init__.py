"""Evidence of the rules on alarms."""
