"""From detections on the frames of clips to alarms, and from boxes to events."""
