"""Charts of the record as inline SVG."""
