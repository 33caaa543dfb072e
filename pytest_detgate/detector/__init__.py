"""Detectors: loading, running and training them, and keeping what they said."""
