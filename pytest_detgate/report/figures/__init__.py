"""Images on the page."""
