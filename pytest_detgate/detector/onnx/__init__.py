"""Detectors in ONNX files."""
