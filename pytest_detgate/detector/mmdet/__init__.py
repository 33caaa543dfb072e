"""MMDetection models."""
