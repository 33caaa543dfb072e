"""Makes the files in `tests/upstream/kept`, in an environment of upstream's packages.

`python -m tests.upstream.keep` trains a detector of two stages with upstream's `Runner`, and keeps
its checkpoint, three images, and what upstream's `inference_detector` finds on them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from tests.upstream.models import TRAIN, write_training

STORED = Path(__file__).with_name("kept")
N_IMAGES = 3


def main() -> None:
    """Train, and write the files."""
    STORED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # Relative, so that the checkpoint names no folder of this machine.
        write_training(Path(), "two-stages")
        exec(TRAIN)
        from mmdet.apis import inference_detector, init_detector

        shutil.copyfile("written/epoch_2.pth", STORED / "epoch_2.pth")
        model = init_detector("train.py", "written/epoch_2.pth", device="cpu")
        collected = {}
        for image in sorted(Path("images").iterdir())[:N_IMAGES]:
            shutil.copyfile(image, STORED / image.name)
            boxes = inference_detector(model, str(image)).pred_instances
            collected[image.name] = {
                "boxes": boxes.bboxes.tolist(),
                "scores": boxes.scores.tolist(),
                "labels": boxes.labels.tolist(),
            }
        (STORED / "found.json").write_text(json.dumps(collected), encoding="utf-8")


if __name__ == "__main__":
    main()
