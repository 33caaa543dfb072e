"""Metrics of one set of detections, by the definitions of several fields."""
