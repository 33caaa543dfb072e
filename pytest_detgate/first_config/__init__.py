"""`python -m pytest_detgate init`: a first `detgate.toml` from a data set."""
