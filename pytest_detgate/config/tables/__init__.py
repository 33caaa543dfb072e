"""The tables of `detgate.toml`, except those of rules."""
