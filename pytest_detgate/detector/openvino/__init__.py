"""Detectors that OpenVINO runs."""
