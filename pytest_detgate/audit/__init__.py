"""The record of a run and the page rendered from it."""
