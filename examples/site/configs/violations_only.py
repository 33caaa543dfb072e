# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""Trains on frames that all hold a violation, as an extraction of violations leaves them."""

_base_ = "./rtmdet_site.py"

train_dataloader = dict(dataset=dict(ann_file="train.json"))
