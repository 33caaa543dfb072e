"""Label formats besides COCO."""
