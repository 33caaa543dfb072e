"""CVAT's XML files, for images and for video."""
