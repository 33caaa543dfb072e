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
    for one in pictures:
        stem = PurePosixPath(one.name).stem
        if form == "inferencer folder":
            files[f"found/{part}/preds/{stem}.json"] = {"json": _inferred(one, classes)}
        elif one.found:
            files[f"found/{part}/labels/{stem}.txt"] = {"text": _lines(one, classes)}
    return f"found/{part}", files


def _lines(picture: Picture, classes: Sequence[str]) -> str:
    lines = []
    for found in picture.found:
        x, y, width, height = found.box
        shares = (
            (x + width / 2) / picture.size[0],
            (y + height / 2) / picture.size[1],
            width / picture.size[0],
            height / picture.size[1],
        )
        number = list(classes).index(found.name)
        lines.append(" ".join([str(number), *map(repr, shares), repr(found.score)]) + "\n")
    return "".join(lines)


def _inferred(picture: Picture, classes: Sequence[str]) -> dict[str, list[object]]:
    return {
        "labels": [list(classes).index(found.name) for found in picture.found],
        "scores": [found.score for found in picture.found],
        "bboxes": [
            [x, y, x + width, y + height]
            for found in picture.found
            for x, y, width, height in [found.box]
        ],
    }
