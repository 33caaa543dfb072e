"""Detectors: frameworks, loading, workers, and a cache of detections."""
