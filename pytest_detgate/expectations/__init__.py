"""Great Expectations. Only this package imports it, and only to evaluate a rule."""
