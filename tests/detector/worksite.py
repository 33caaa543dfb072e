"""A very small detector and drawn pictures for it."""

from __future__ import annotations

import json
import random
import textwrap
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

CLASSES = ("person", "helmet")

CONFIG = """
default_scope = "mmdet"
custom = "{custom}"
classes = {classes!r}
norm = dict(type="SyncBN")
model = dict(
    type="RTMDet",
    data_preprocessor=dict(
        type="DetDataPreprocessor", mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395],
        bgr_to_rgb=False, batch_augments=None),
    backbone=dict(
        type="CSPNeXt", arch="P5", expand_ratio=0.5, deepen_factor=0.167, widen_factor=0.125,
        channel_attention=True, norm_cfg=norm, act_cfg=dict(type="SiLU", inplace=True),
        init_cfg=dict(type="Pretrained", checkpoint="https://nowhere.invalid/backbone.pth")),
    neck=dict(
        type="CSPNeXtPAFPN", in_channels=[32, 64, 128], out_channels=16, num_csp_blocks=1,
        expand_ratio=0.5, norm_cfg=norm, act_cfg=dict(type="SiLU", inplace=True)),
    bbox_head=dict(
        type="RTMDetSepBNHead", num_classes={num_classes}, in_channels=16, stacked_convs=1,
        feat_channels=16,
        anchor_generator=dict(type="MlvlPointGenerator", offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type="DistancePointBBoxCoder"),
        loss_cls=dict(type="QualityFocalLoss", use_sigmoid=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type="GIoULoss", loss_weight=2.0), with_objectness=False, exp_on_reg=False,
        share_conv=True, pred_kernel_size=1, norm_cfg=norm,
        act_cfg=dict(type="SiLU", inplace=True)),
    train_cfg=dict(
        assigner=dict(type="DynamicSoftLabelAssigner", topk=13), allowed_border=-1, pos_weight=-1),
    test_cfg=dict(
        nms_pre=300, min_bbox_size=0, score_thr=0.05, nms=dict(type="nms", iou_threshold=0.65),
        max_per_img=50))
test_pipeline = [
    dict(type="LoadImageFromFile", backend_args=None),
    dict(type="Resize", scale=(96, 96), keep_ratio=True),
    dict(type="Pad", size_divisor=32, pad_val=dict(img=(114, 114, 114))),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"))]
test_dataloader = dict(
    batch_size={batch_size}, num_workers=0, drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CocoDataset", data_root="{root}", ann_file="site.json",
        data_prefix=dict(img="images/"), metainfo=dict(classes=classes), test_mode=True,
        pipeline=test_pipeline))
test_cfg = dict(type="TestLoop")
test_evaluator = dict(type="CocoMetric", ann_file="{root}/site.json", metric="bbox")
"""

DETECTOR = """
import os, signal
import torch
from mmdet.models import RTMDet
from mmdet.registry import MODELS

@MODELS.register_module()
class {name}(RTMDet):
    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        samples = super().predict(batch_inputs, batch_data_samples, rescale=rescale)
        found = [sample.pred_instances for sample in samples]
{code}
        return samples
"""

TRAINING = """
_base_ = ["model.py"]
model = dict(backbone=dict(init_cfg=None))
train_dataloader = dict(
    batch_size=3, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="CocoDataset", data_root="{root}", ann_file="site.json",
        data_prefix=dict(img="images/"), metainfo=dict(classes=("person", "helmet")),
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", with_bbox=True),
            dict(type="Resize", scale=(96, 96)),
            dict(type="Pad", size_divisor=32),
            dict(type="PackDetInputs")]))
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=1)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.001))
default_hooks = dict(logger=dict(type="LoggerHook", interval=1))
work_dir = "somewhere-else"
resume = True
"""


def draw(path: Path, seed: int, size: tuple[int, int] = (96, 64)) -> Path:
    """Draw a picture that no other seed gives."""
    pick = random.Random(seed)
    picture = Image.new("RGB", size, tuple(pick.randrange(256) for _ in range(3)))
    pencil = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y = pick.randrange(size[0] - 24), pick.randrange(size[1] - 24)
        colour = tuple(pick.randrange(256) for _ in range(3))
        pencil.rectangle((x, y, x + pick.randrange(8, 24), y + pick.randrange(8, 24)), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=95)
    return path


def draw_site(root: Path, n_images: int) -> list[Path]:
    """Draw pictures of three sizes and write their COCO file."""
    sizes = [(96, 64), (64, 96), (160, 120)]
    images = [
        draw(root / "images" / f"cam_{index:04d}.jpg", index, sizes[index % 3])
        for index in range(n_images)
    ]
    content = {
        "images": [
            {"id": i, "file_name": path.name, "width": sizes[i % 3][0], "height": sizes[i % 3][1]}
            for i, path in enumerate(images)
        ],
        "annotations": [
            {
                **{"id": i + 1, "image_id": i, "category_id": 1 + i % 2, "iscrowd": 0},
                **{"bbox": [8, 8, 40, 40], "area": 1600},
            }
            for i in range(n_images)
        ],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
    }
    (root / "site.json").write_text(json.dumps(content), encoding="utf-8")
    return images


def write_config(
    root: Path,
    name: str = "model.py",
    *,
    classes: tuple[str, ...] = CLASSES,
    num_classes: int = 2,
    batch_size: int = 4,
    custom: str = "",
) -> Path:
    """Write the detector's configuration."""
    path = root / name
    values: dict[str, Any] = {"classes": classes, "num_classes": num_classes}
    values |= {"batch_size": batch_size, "root": root.as_posix(), "custom": custom}
    text = CONFIG
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", str(value)).replace(f"{{{key}!r}}", repr(value))
    path.write_text(text, encoding="utf-8")
    return path


def write_custom_config(root: Path, name: str, code: str) -> Path:
    """Write a detector of the project's own, a module and a configuration beside `model.py`.

    `name` is that of its class; its `code` runs after each prediction, on the boxes `found`.
    """
    lines = textwrap.indent(textwrap.dedent(code).strip(), " " * 8)
    module = f"{name.lower()}_detector"
    text = DETECTOR.replace("{name}", name).replace("{code}", lines)
    (root / f"{module}.py").write_text(text, encoding="utf-8")
    path = root / f"{module}_config.py"
    path.write_text(
        '_base_ = ["model.py"]\n'
        f'custom_imports = dict(imports=["{module}"])\n'
        f'model = dict(type="{name}")\n',
        encoding="utf-8",
    )
    return path


def write_training_config(root: Path, name: str = "train.py", **changes: str) -> Path:
    """Write a configuration that trains one epoch; `changes` replaces text in it."""
    text = TRAINING.replace("{root}", root.as_posix())
    for old, new in changes.items():
        text = text.replace(old, new)
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def write_checkpoint(config: Path, path: Path, *, seed: int = 0) -> Path:
    """Save the detector with random weights, and beside them what MMEngine saves."""
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.logging import HistoryBuffer
    from mmengine.model import revert_sync_batchnorm
    from mmengine.registry import DefaultScope

    from pytest_detgate.detector.packages import quiet

    with quiet():
        resolved = Config.fromfile(str(config))
        text = resolved.pretty_text  # now: building changes the configuration
        torch.manual_seed(seed)
        with DefaultScope.overwrite_default_scope("mmdet"):
            model = MODELS.build(resolved.model)
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
            elif "rtm_cls" in name:
                torch.nn.init.constant_(parameter, -2.0)
        model = revert_sync_batchnorm(model).train()
        for _ in range(40):  # normalisation that fits, so that scores spread
            model(torch.randn(2, 3, 64, 64), mode="tensor")
        history = HistoryBuffer([0.5, 0.25], [1, 1])
        torch.save(
            {
                "meta": {
                    "cfg": text,
                    "epoch": 7,
                    "iter": 21,
                    "seed": 0,
                    "dataset_meta": {"classes": resolved.classes, "palette": [(220, 20, 60)]},
                },
                "state_dict": model.state_dict(),
                "message_hub": {"log_scalars": {"train/loss": history}, "eta": history.mean()},
            },
            path,
        )
    return path
