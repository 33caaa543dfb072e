"""What a detector found, as result files of every form and as a detector of the project's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.campaign.label_files import IDS
from tests.campaign.label_writers import NUMBERED
from tests.campaign.worlds import Picture

FORMS = ("list", "named", "classes named")

# A checkpoint holds its answers in a list: what begins with { is taken for a record of a run.
DETECTOR = """\
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Detector:
    def __init__(self, checkpoint, device):
        content = json.loads((checkpoint or HERE / "answers.json").read_text(encoding="utf-8"))
        if isinstance(content, list):
            content = content[0]
        self.classes, self.answers = content["classes"], content["answers"]

    def detect(self, images):
        for image in images:
            rows = self.answers[os.path.relpath(image, HERE)]
            yield [row[:4] for row in rows], [row[4] for row in rows], [row[5] for row in rows]
"""


def result_file(
    form: str,
    pictures: Sequence[Picture],
    classes: Sequence[str],
    labels: str | None,
    ids: str = "from one",
) -> Any:
    """A result file of a split or probe whose labels have the format `labels`, None for a folder.

    Without names of its own a file uses ids that mean something to the labels: numbers for COCO,
    else the file name, and for classes the number (YOLO) or the name.
    """
    by_name = labels is not None and labels not in NUMBERED
    first = 0 if labels is not None and labels.startswith("yolo") else 1
    category: dict[str, int | str] = {
        name: name if by_name else number for number, name in enumerate(classes, start=first)
    }
    # A folder says nothing of classes, so the file has to.
    if labels is None and form == "list":
        form = "classes named"
    # Where a split takes its images from a folder of all, their names begin with its own folder.
    image: dict[str, int | str] = {
        picture.name: IDS[ids](number, picture.name)
        if labels == "coco"
        else number
        if form == "named"
        else listed_name(picture, labels)
        for number, picture in enumerate(pictures, start=1)
    }
    rows = [
        {
            "image_id": image[picture.name],
            "category_id": category[box.name],
            "bbox": list(box.box),
            "score": box.score,
        }
        for picture in pictures
        for box in picture.detected
    ]
    if form == "list":
        return rows
    content: dict[str, Any] = {"annotations": rows}
    content["categories"] = [{"id": number, "name": name} for name, number in category.items()]
    if form == "named":
        content["images"] = [
            {"id": image[picture.name], "file_name": listed_name(picture, labels)}
            for picture in pictures
        ]
    return content


def listed_name(picture: Picture, labels: str | None) -> str:
    """What a split calls an image, by the format of its labels."""
    return f"val/{picture.name}" if labels == "yolo with lists" else picture.name


def answers_of(parts: Mapping[str, Sequence[Picture]], classes: Sequence[str]) -> Any:
    """What a detector of the project's own answers, by the path of the image."""
    answers = {
        f"images/{part}/{picture.name}": [
            [x, y, x + width, y + height, box.score, box.name]
            for box in picture.detected
            for x, y, width, height in [box.box]
        ]
        for part, pictures in parts.items()
        for picture in pictures
    }
    return {"classes": list(classes), "answers": answers}
