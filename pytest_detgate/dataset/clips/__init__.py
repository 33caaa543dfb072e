"""Which clip a frame belongs to, where in it, and when it was taken."""
