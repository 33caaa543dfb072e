"""Dependencies of a model or a training, recorded while it is made."""
