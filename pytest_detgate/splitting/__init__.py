"""`python -m pytest_detgate split`: train and validation that share no clip."""
