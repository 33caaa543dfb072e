"""`detgate.toml` as typed, frozen values, and the wording of every configuration error."""
