"""Detectors of torchvision and transformers."""
