"""How sure a metric is."""
