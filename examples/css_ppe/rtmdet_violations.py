# ruff: noqa: C408  MMEngine's configurations are written with dict()
"""A small RTMDet on real photos of building sites, trained on frames with a violation only.

The model is the one of the drawn sites next door. The photos are not part of the repository:
CSS_PPE names the folder they are in.
"""

import os

_base_ = "../site/configs/rtmdet_site.py"

data_root = os.environ.get("CSS_PPE", "{{ fileDirname }}/../../../shared/data/css-ppe") + "/"
classes = ("NO-Hardhat", "NO-Mask", "NO-Safety Vest")
metainfo = dict(classes=classes, palette=[(220, 20, 60), (240, 160, 0), (0, 160, 220)])
side = 256
# 17 batches of 6 an epoch: 340 iterations.
max_epochs = 20
iterations = 17 * max_epochs

model = dict(bbox_head=dict(num_classes=len(classes)))

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(side, side), keep_ratio=True),
    dict(type="YOLOXHSVRandomAug"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(side, side), keep_ratio=True),
    dict(type="Pad", size=(side, side), pad_val=dict(img=(114, 114, 114))),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
    ),
]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file="coco/violations-only-train.json",
        data_prefix=dict(img="train/images/"),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file="coco/violations-valid.json",
        data_prefix=dict(img="valid/images/"),
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "coco/violations-valid.json")
test_evaluator = val_evaluator

param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=40),
    dict(
        type="CosineAnnealingLR",
        eta_min=0.00004,
        by_epoch=False,
        begin=40,
        end=iterations,
        T_max=iterations - 40,
    ),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=max_epochs)
