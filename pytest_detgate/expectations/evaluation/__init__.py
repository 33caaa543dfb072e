"""Evaluation of expectations, and what came out of it."""
