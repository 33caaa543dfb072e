"""Detection on changed images."""
