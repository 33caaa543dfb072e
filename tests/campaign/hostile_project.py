"""A project whose every name is taken from a list: classes, probes, clips, files, rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.campaign.project import Entry, Project

_DETECTOR = """\
import json
from pathlib import Path

CONTENT = json.loads((Path(__file__).resolve().parent / "answers.json").read_text("utf-8"))


class Detector:
    classes = CONTENT["classes"]

    def __init__(self, checkpoint, device):
        pass

    def detect(self, images):
        for image in images:
            label = int(Path(image).name.split("-")[0]) % len(self.classes)
            yield [[10, 10, 30, 30]], [0.9], [label]
"""


def named_project(names: Sequence[str]) -> Project:
    """A project with a class, a probe, a clip and an image file for each name.

    Every class is found once where it is and once on its probe, so that there is something to
    say of each.
    """
    files: dict[str, Entry] = {"pytest.ini": {"text": "[pytest]\n"}}
    on_disk = [f"{number}-{_for_disk(name)}.png" for number, name in enumerate(names)]
    config: dict[str, Any] = {
        "dataset": {"splits": {}},
        "model": {"framework": "python", "entry": "detector:Detector"},
        "scoring": {"replicates": 0},
        "report": {"max-megabytes": 0.5},
        "history": {"path": "history.jsonl"},
        "probes": {},
        "rules": {
            "probe-fp": {"max-boxes": 0},
            "class-ap": {"min": 0.5},
            "slice-ap": {"by": "video", "min": 0.95},
            "duplicate-boxes": {},
            "absent-class-boxes": {},
            "clip-overlap": {"between": ["train", "val"], "clip-field": "video"},
        },
    }
    for split in ("train", "val"):
        files[f"{split}.json"] = {"json": _coco(names, on_disk)}
        config["dataset"]["splits"][split] = {"annotations": f"{split}.json", "images": split}
        for number, name in enumerate(on_disk):
            files[f"{split}/{name}"] = _picture(number)
    for number, name in enumerate(names):
        folder = f"probes/{number}"
        config["probes"][name] = {"images": folder}
        files[f"{folder}/{on_disk[number]}"] = _picture(number)
    files["answers.json"] = {"json": {"classes": list(names)}}
    files["detector.py"] = {"text": _DETECTOR}
    files["detgate.toml"] = {"toml": config}
    return Project(files, ["detgate.toml"])


def listed_project(names: Sequence[str]) -> Project:
    """A project of result files alone, so that its images need no file and may be called
    anything."""
    content = _coco(["helmet"] * len(names), names)
    content["categories"] = [{"id": 1, "name": "helmet"}]
    for box in content["annotations"]:
        box["category_id"] = 1
    detections = [
        {"image_id": number, "category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9}
        for number in range(1, len(names) + 1)
    ]
    config = {
        "dataset": {"splits": {"val": {"annotations": "val.json", "images": "images"}}},
        "scoring": {"replicates": 0},
        "history": {"path": "history.jsonl"},
        "rules": {
            "duplicate-boxes": {},
            "image-files": {},
            "recall": {"min": 0.9},
            "slice-ap": {"by": "file_name", "min": 0.95},
        },
    }
    files: dict[str, Entry] = {
        "pytest.ini": {"text": "[pytest]\n"},
        "images": {"folder": True},
        "val.json": {"json": content},
        "found.json": {"json": detections},
        "detgate.toml": {"toml": config},
    }
    return Project(files, ["detgate.toml", "--detgate-predictions=val=found.json"])


def _coco(names: Sequence[str], file_names: Sequence[str]) -> dict[str, Any]:
    numbers = range(1, len(names) + 1)
    # The same box twice is a finding of duplicate-boxes on each image.
    boxes = [number for number in numbers for _ in range(2)]
    return {
        "images": [
            {"id": number, "file_name": file_name, "width": 64, "height": 48, "video": name}
            for number, name, file_name in zip(numbers, names, file_names, strict=True)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in zip(numbers, names, strict=True)
        ],
        "annotations": [
            {
                "id": index,
                "image_id": number,
                "category_id": number,
                "bbox": [10, 10, 20, 20],
                "area": 400,
                "iscrowd": 0,
            }
            for index, number in enumerate(boxes, start=1)
        ],
    }


def _for_disk(name: str) -> str:
    """As much of a name as a file system takes."""
    return name.replace("/", "").replace("\x00", "").encode()[:200].decode("utf-8", "ignore")


def _picture(look: int) -> Entry:
    return {"picture": {"look": look, "width": 64, "height": 48}}
