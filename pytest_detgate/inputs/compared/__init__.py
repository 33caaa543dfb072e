"""The baseline and the other models that the gated one is compared with."""
