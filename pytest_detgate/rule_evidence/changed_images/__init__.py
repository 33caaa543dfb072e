"""Evidence of the rules that run the model on changed images."""
