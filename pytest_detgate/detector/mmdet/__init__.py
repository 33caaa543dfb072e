"""Detectors of MMDetection."""
