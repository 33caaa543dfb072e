"""The wide tables of splits and probes."""
