"""What the code of a model may do while it is loaded, and how large its network may be."""
