"""Damage: exactly one thing of a sound project is made wrong, or only different."""
