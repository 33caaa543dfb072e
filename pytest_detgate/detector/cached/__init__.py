"""Detections kept between runs."""
