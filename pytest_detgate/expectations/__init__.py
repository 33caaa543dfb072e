"""The one place that knows Great Expectations, which is imported only to evaluate a rule."""
