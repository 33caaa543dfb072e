"""How much evidence the limits of a `detgate.toml` ask for."""
