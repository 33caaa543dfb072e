"""Small detectors of three families, as files that upstream's `Runner` trains from."""

from __future__ import annotations

from pathlib import Path

from tests.detector import worksite

_TWO_STAGES = """
_base_ = ["model.py"]
box_coder = dict(
    type="DeltaXYWHBBoxCoder", target_means=[0.0, 0.0, 0.0, 0.0], target_stds=[0.1, 0.1, 0.2, 0.2])
cross_entropy = dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0)
model = dict(
    _delete_=True,
    type="FasterRCNN",
    data_preprocessor=dict(
        type="DetDataPreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True, pad_size_divisor=32),
    backbone=dict(
        type="ResNet", depth=50, base_channels=4, num_stages=4, out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type="BN"), {convolution}style="pytorch", init_cfg=None),
    neck=dict(type="FPN", in_channels=[16, 32, 64, 128], out_channels=16, num_outs=5),
    rpn_head=dict(
        type="RPNHead", in_channels=16, feat_channels=16,
        anchor_generator=dict(
            type="AnchorGenerator", scales=[4], ratios=[0.5, 1.0, 2.0],
            strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(
            type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4, target_stds=[1.0] * 4),
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
        loss_bbox=dict(type="L1Loss", loss_weight=1.0)),
    roi_head=dict(
        type="StandardRoIHead",
        bbox_roi_extractor=dict(
            type="SingleRoIExtractor",
            roi_layer=dict(type="RoIAlign", output_size=7, sampling_ratio=0),
            out_channels=16, featmap_strides=[4, 8, 16, 32]),
        bbox_head=dict(
            type="Shared2FCBBoxHead", in_channels=16, fc_out_channels=32, roi_feat_size=7,
            num_classes=2, bbox_coder=box_coder, reg_class_agnostic=False,
            loss_cls=cross_entropy, loss_bbox=dict(type="L1Loss", loss_weight=1.0))),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type="MaxIoUAssigner", pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3,
                match_low_quality=True, ignore_iof_thr=-1),
            sampler=dict(
                type="RandomSampler", num=64, pos_fraction=0.5, neg_pos_ub=-1,
                add_gt_as_proposals=False),
            allowed_border=-1, pos_weight=-1, debug=False),
        rpn_proposal=dict(
            nms_pre=200, max_per_img=100, nms=dict(type="nms", iou_threshold=0.7),
            min_bbox_size=0),
        rcnn=dict(
            assigner=dict(
                type="MaxIoUAssigner", pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5,
                match_low_quality=False, ignore_iof_thr=-1),
            sampler=dict(
                type="RandomSampler", num=64, pos_fraction=0.25, neg_pos_ub=-1,
                add_gt_as_proposals=True),
            pos_weight=-1, debug=False)),
    test_cfg=dict(
        rpn=dict(
            nms_pre=200, max_per_img=100, nms=dict(type="nms", iou_threshold=0.7),
            min_bbox_size=0),
        rcnn=dict(
            score_thr=0.001, nms=dict(type="nms", iou_threshold=0.5), max_per_img=50)))
"""
_DEFORMABLE = (
    'dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False), '
    "stage_with_dcn=(False, True, True, True), "
)
# What users run in their own folder.
TRAIN = """
import sys
from mmengine.config import Config
from mmengine.runner import Runner
config = Config.fromfile("train.py")
config.work_dir = "written"
config.resume = False
config.randomness = dict(seed=0)
Runner.from_cfg(config).train()
"""
FAMILIES = ("one-stage", "two-stages", "deformable")


def write_training(root: Path, family: str) -> Path:
    """Draw the data and write the configuration of a family; return the latter."""
    worksite.draw_site(root, 24)
    model = worksite.write_config(root)
    # Two epochs teach little: without a low floor nothing would be detected, and of many boxes with
    # nearly one score a limit would keep others after each rounding.
    text = model.read_text("utf-8").replace("score_thr=0.05", "score_thr=0.001")
    model.write_text(text.replace("max_per_img=50", "max_per_img=1000"), "utf-8")
    if family == "one-stage":
        changes = {"max_epochs=1": "max_epochs=2", 'type="SGD", lr=0.001': 'type="AdamW", lr=0.01'}
        return worksite.write_training_config(root, **changes)
    convolution = _DEFORMABLE if family == "deformable" else ""
    text = _TWO_STAGES.replace("{convolution}", convolution)
    (root / "two_stages.py").write_text(text, "utf-8")
    changes = {
        '"model.py"': '"two_stages.py"',
        "max_epochs=1": "max_epochs=2",
        "lr=0.001": "lr=0.005",
    }
    return worksite.write_training_config(root, **changes)
