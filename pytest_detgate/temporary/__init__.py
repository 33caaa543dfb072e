"""Temporary files of this machine."""
