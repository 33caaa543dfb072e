"""Images compared by what they show: the same bytes, or nearly the same view."""
