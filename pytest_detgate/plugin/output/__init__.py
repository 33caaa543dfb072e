"""What a run prints, and the files that CI reads."""
