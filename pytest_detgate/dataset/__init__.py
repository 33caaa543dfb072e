"""Annotation files and image folders as read-only column tables."""
