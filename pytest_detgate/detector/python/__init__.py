"""A detector that the code of the project makes."""
