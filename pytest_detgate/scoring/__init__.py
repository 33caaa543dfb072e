"""Scores: tables in, numbers out."""
