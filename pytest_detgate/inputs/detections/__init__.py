"""Where detections come from, and what is known of them."""
