"""Charts of the record drawn as inline SVG."""
