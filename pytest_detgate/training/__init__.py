"""Training, the record of a training run, its log, and the data that it feeds."""
