"""Boxes of many annotations looked at together."""
