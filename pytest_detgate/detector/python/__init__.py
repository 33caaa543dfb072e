"""Detectors that code of the project constructs."""
