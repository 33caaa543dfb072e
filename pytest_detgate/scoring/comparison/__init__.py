"""Two sets of detections of the same images side by side."""
