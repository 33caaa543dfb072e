# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""The same data, and a model of half the width: the one of `onnx/violations_only.onnx`."""

_base_ = "./violations_only.py"

max_epochs = 40
model = dict(
    backbone=dict(widen_factor=0.125),
    neck=dict(in_channels=[32, 64, 128], out_channels=24),
    bbox_head=dict(in_channels=24, feat_channels=24),
)
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=54),
    dict(
        type="CosineAnnealingLR",
        eta_min=0.00004,
        begin=1,
        end=max_epochs,
        T_max=max_epochs - 1,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(interval=10))
