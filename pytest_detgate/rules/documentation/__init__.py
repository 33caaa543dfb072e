"""The documentation of rules, and the JSON Schemas of `detgate.toml`."""
