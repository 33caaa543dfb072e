"""The fifteen corruptions of ImageNet-C, for images of any size."""
