"""pytest-detgate: a pytest gate for object-detection data sets and models."""

__version__ = "0.1.0"
