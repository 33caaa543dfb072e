# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""Trains on the same frames and on compliant ones, in which there is nothing to detect."""

_base_ = "./rtmdet_site.py"

# 81 batches of 6 an epoch: 810 iterations, as many as the other training has.
max_epochs = 10
train_dataloader = dict(
    dataset=dict(
        ann_file="train_neg.json",
        # MMDetection drops frames without a box unless it is told not to.
        filter_cfg=dict(filter_empty_gt=False),
    )
)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=max_epochs)
