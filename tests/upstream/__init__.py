"""Upstream's packages: mmdet 3.3, mmcv 2.1, mmengine 0.10, on torch 2.1 and NumPy 1."""
