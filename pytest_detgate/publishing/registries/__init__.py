"""Registries of models and experiments that a record is published to."""
