"""RF-DETR for the gate, from a checkpoint that is read as weights alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from rfdetr import RFDETR

# A class without a name is one that training never used, and its scores are nearly 0.
UNUSED = 0.05


class RfDetr:
    """A detector: it has `classes`, and it can `detect`.

    The checkpoint is a file of rfdetr's training, such as `checkpoint_best_total.pth`. Its boxes
    need a score over `score_floor`.
    """

    def __init__(self, checkpoint: Path | None, device: str, score_floor: float = 0.001) -> None:
        if checkpoint is None:
            raise ValueError("name the checkpoint under [model]")
        if "trust_checkpoint" not in inspect.signature(RFDETR.from_checkpoint).parameters:
            raise ValueError("this rfdetr runs code of a checkpoint: install a newer one")
        self.device = "cpu" if device in ("auto", "cpu") else device
        # rfdetr moves the model to its device when it first predicts.
        self.model = RFDETR.from_checkpoint(str(checkpoint), device=self.device)
        self.classes = [str(name) for name in self.model.class_names]
        self.score_floor = score_floor

    def detect(self, images: Sequence[Path]) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
        """Yield boxes, scores and names of the classes on each image."""
        for image in images:
            with Image.open(image) as opened:
                upright = ImageOps.exif_transpose(opened).convert("RGB")
            found = self.model.predict(
                upright, threshold=self.score_floor, include_source_image=False
            )
            names = [str(name) for name in found.data.get("class_name", [])]
            named = np.array([name in self.classes for name in names], bool)
            if (found.confidence[~named] > UNUSED).any():
                raise ValueError(
                    f"it detects a class without a name; its classes are {self.classes}"
                )
            kept = [name for name in names if name in self.classes]
            yield found.xyxy[named], found.confidence[named], kept
