# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""Trains on frames that all hold a violation, as an extraction of violations leaves them."""

_base_ = "./rtmdet_site.py"

# 54 batches of 6 an epoch: 810 iterations.
max_epochs = 15
train_dataloader = dict(dataset=dict(ann_file="train.json"))
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=max_epochs)
