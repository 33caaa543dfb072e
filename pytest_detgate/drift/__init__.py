"""Whether two splits look like one population: features, their distance, and chance."""
