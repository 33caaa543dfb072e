# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""Trains on the same frames and on compliant ones, in which there is nothing to detect."""

_base_ = "./rtmdet_site.py"

train_dataloader = dict(
    dataset=dict(
        ann_file="train_neg.json",
        # MMDetection drops frames without a box unless it is told not to.
        filter_cfg=dict(filter_empty_gt=False),
    )
)
