"""LabelMe labels."""
