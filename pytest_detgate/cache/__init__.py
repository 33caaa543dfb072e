"""Detections, hashes, digests and tables that survive between runs."""
