"""Evidence of the rules that set models side by side."""
