"""What is wrong with detections as a whole."""
