"""Annotation files and picture folders as read-only column tables."""
