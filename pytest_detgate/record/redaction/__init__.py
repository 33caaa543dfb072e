"""What may not be seen in anything that leaves a run."""
