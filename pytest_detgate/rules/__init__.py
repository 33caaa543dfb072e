"""The contract of a rule, and everything that binds, runs and documents rules."""
