"""A checkpoint of MMDetection as an ONNX file, without anybody's deployment tool."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any


def give_every_box_a_size(content: dict[str, Any]) -> None:
    """Change the checkpoint of an RTMDet so that every edge is about a stride away from its point;
    of random weights half the boxes have their right edge left of their left one."""
    for name, value in content["state_dict"].items():
        if "rtm_reg" in name:
            value *= 0.001
            if value.dim() == 1:
                value += 1


def export_rtmdet(config: Path, checkpoint: Path, path: Path, size: int) -> Path:
    """Export an RTMDet for pictures of size × size: rows of a box (corners, cut off at
    the picture) and class scores, before any NMS."""
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    from pytest_detgate.detector.packages import quiet

    class Rows(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            scores, distances = self.model(picture, mode="tensor")
            parts = []
            for stride, score, distance in zip((8, 16, 32), scores, distances, strict=True):
                side = size // stride
                steps = torch.arange(side) * stride
                x = steps[None, :].expand(side, side).reshape(-1, 1)
                y = steps[:, None].expand(side, side).reshape(-1, 1)
                left, top, right, bottom = distance[0].flatten(1).T.split(1, dim=1)
                score = score[0].flatten(1).T.sigmoid()
                boxes = torch.cat([x - left, y - top, x + right, y + bottom], dim=1)
                parts.append(torch.cat([boxes.clamp(0, size), score], dim=1))
            return torch.cat(parts)[None]

    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with DefaultScope.overwrite_default_scope("mmdet"):
            section = Config.fromfile(str(config)).model
            for part in (section, section["backbone"], section["neck"], section["bbox_head"]):
                if "norm_cfg" in part:
                    part["norm_cfg"] = {"type": "BN"}
            section["backbone"].pop("init_cfg", None)
            model = MODELS.build(section)
        state = torch.load(checkpoint, weights_only=False)["state_dict"]
        model.load_state_dict(state)
        torch.onnx.export(
            Rows(model.eval()),
            (torch.zeros(1, 3, size, size),),
            path,
            input_names=["picture"],
            output_names=["rows"],
            dynamo=False,
        )
    return path
