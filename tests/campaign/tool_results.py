"""What a detector found, in the folders that YOLO and the inferencer of MMDetection write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from tests.campaign.label_files import Files
from tests.campaign.worlds import Picture

FOLDERS = ("yolo folder", "inferencer folder")


def result_folder(
    form: str, part: str, pictures: Sequence[Picture], classes: Sequence[str]
) -> tuple[str, Files]:
    """The path of such a folder, and its files; the names of the classes lie beside them."""
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(classes))
    files: Files = {f"found/{part}/data.yaml": {"text": f"names:\n{names}"}}
    for picture in pictures:
        stem = PurePosixPath(picture.name).stem
        if form == "inferencer folder":
            files[f"found/{part}/preds/{stem}.json"] = {"json": _inferred(picture, classes)}
        elif picture.detected:
            files[f"found/{part}/labels/{stem}.txt"] = {"text": _lines(picture, classes)}
    return f"found/{part}", files


def _lines(picture: Picture, classes: Sequence[str]) -> str:
    lines = []
    for box in picture.detected:
        x, y, width, height = box.box
        shares = (
            (x + width / 2) / picture.size[0],
            (y + height / 2) / picture.size[1],
            width / picture.size[0],
            height / picture.size[1],
        )
        number = list(classes).index(box.name)
        lines.append(" ".join([str(number), *map(repr, shares), repr(box.score)]) + "\n")
    return "".join(lines)


def _inferred(picture: Picture, classes: Sequence[str]) -> dict[str, list[object]]:
    return {
        "labels": [list(classes).index(match.name) for match in picture.detected],
        "scores": [match.score for match in picture.detected],
        "bboxes": [
            [x, y, x + width, y + height]
            for box in picture.detected
            for x, y, width, height in [box.box]
        ],
    }
