"""Training, and the record of a training run."""
