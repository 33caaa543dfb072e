"""One detector at many places: worker processes of this machine, or of a Ray cluster."""
