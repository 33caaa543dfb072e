"""Inputs of the kinds that people have, made by code, and what the gate says about each."""
