"""Small data sets in the forms that people have, for a gate of a few rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.forked import run_forked

WIDTH, HEIGHT = 100, 50
STEMS = tuple(f"a{number}" for number in range(8))
NAMES = tuple(f"{stem}.jpg" for stem in STEMS)
IMAGES = tuple(f"images/{name}" for name in NAMES)
BOXES = {0: (0.25, 0.5, 0.2, 0.4), 1: (0.75, 0.5, 0.3, 0.2)}
"""Class number, and centre and size in shares of the image: of a helmet and a vest."""
LINES = "".join(f"{number} {' '.join(map(str, box))}\n" for number, box in BOXES.items())
RULES = '[rules.image-files]\nsplits = ["val"]\n[rules.box-bounds]\nsplits = ["val"]\n'
SCORES = "[rules.mean-ap]\nmin = 0.9\n[rules.recall]\nmin = 0.9\n"
NEAR = '[dataset]\nmatch-names = "near"\n'
IN_COCO = '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
IN_YAML = '[dataset.splits.val]\ndata = "data.yaml"\n'
IN_YOLO = (
    '[dataset.splits.val]\nformat = "yolo"\nannotations = "labels/val"\nimages = "images/val"\n'
)
IN_VOC = '[dataset.splits.val]\nformat = "voc"\nannotations = "labels"\nimages = "images"\n'
YAML = "path: .\nval: images/val\nnames: [helmet, vest]\n"

Files = Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """An input: `files` by name, as text, bytes or JSON values, and `images` to draw, in front of
    `files`; `says` are parts of what a right gate says, beside the exit `code`."""

    files: Files
    code: int
    says: Sequence[str] = ()
    images: Sequence[str] = IMAGES
    results: str | None = None
    also: Callable[[Path], None] = field(default=lambda folder: None)


def check(pytester: pytest.Pytester, member: Member) -> None:
    """Make the input, and compare what the gate says about it."""
    for number, name in enumerate(member.images):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(path)
    for name, content in {"pytest.ini": "[pytest]\n", **member.files}.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    member.also(pytester.path)
    results = [] if member.results is None else [f"--detgate-predictions=val={member.results}"]

    result = run_forked(pytester, "detgate.toml", *results)

    output = " ".join(result.stdout.str().split())
    assert [text for text in member.says if text not in output] == [], result.stdout.str()
    assert result.ret == member.code, result.stdout.str()
    assert "Traceback" not in output


def pixels(box: Sequence[float]) -> list[float]:
    """A box of COCO from one of YOLO."""
    x, y, width, height = box
    return [
        round(value, 6)
        for value in (
            *(WIDTH * (x - width / 2), HEIGHT * (y - height / 2)),
            *(WIDTH * width, HEIGHT * height),
        )
    ]


def truth(
    names: Sequence[str] = NAMES,
    classes: Sequence[Any] = ("helmet", "vest"),
    image: Mapping[str, Any] | None = None,
    first: Mapping[str, Any] | None = None,
    boxes: Mapping[int, Sequence[float]] = BOXES,
) -> dict[str, Any]:
    """A COCO file; `classes` are names or whole categories, numbered from 1. `image` changes each
    image, and `first` the first annotation."""
    size = {"width": WIDTH, "height": HEIGHT}
    annotations = [
        {
            "id": 10 * row + number,
            "image_id": row,
            "category_id": number + 1,
            "bbox": pixels(box),
            "area": pixels(box)[2] * pixels(box)[3],
        }
        for row in range(1, len(names) + 1)
        for number, box in boxes.items()
    ]
    annotations[0] |= first or {}
    return {
        "images": [
            {"id": row, "file_name": name, **size, **(image or {})}
            for row, name in enumerate(names, start=1)
        ],
        "annotations": annotations,
        "categories": [
            {"id": row, "name": class_name} if isinstance(class_name, str) else class_name
            for row, class_name in enumerate(classes, start=1)
        ],
    }


def rows(
    change: Callable[[Row], object] = lambda row: None,
    boxes: Mapping[int, Sequence[float]] = BOXES,
) -> list[Row]:
    """Right detections of `truth`, each after a change."""
    detections: list[Row] = [
        {"image_id": row, "category_id": number + 1, "bbox": pixels(box), "score": 0.9}
        for row in range(1, len(STEMS) + 1)
        for number, box in boxes.items()
    ]
    for entry in detections:
        change(entry)
    return detections


def coco(
    content: Any,
    code: int,
    *says: str,
    results: Any = None,
    file: str = "pred.json",
    head: str = "",
    also: Callable[[Path], None] = lambda folder: None,
    files: Files | None = None,
) -> Member:
    """A COCO split, with detections of it where there are `results`."""
    scored = results is not None
    config = head + IN_COCO + RULES + (SCORES if scored else "")
    own = {"val.json": content, "detgate.toml": config, **(files or {})}
    if scored:
        own[file] = results
    return Member(own, code, says, results=file if scored else None, also=also)


def yolo(
    code: int,
    *says: str,
    lines: str | bytes = LINES,
    suffix: str = ".txt",
    yaml: str | None = YAML,
    head: str = "",
    scored: bool = False,
    files: Files | None = None,
) -> Member:
    """A YOLO split, with Ultralytics' detections of it where it is `scored`."""
    own: dict[str, Any] = {f"labels/val/{stem}{suffix}": lines for stem in STEMS}
    where = IN_YOLO if yaml is None else IN_YAML
    own["detgate.toml"] = head + where + RULES + (SCORES if scored else "")
    if yaml is not None:
        own["data.yaml"] = yaml
    if scored:
        own["pred.json"] = rows(
            lambda row: row.update(
                image_id=STEMS[row["image_id"] - 1], category_id=row["category_id"] - 1
            )
        )
    images = [f"images/val/{stem}.jpg" for stem in STEMS]
    return Member(
        {**own, **(files or {})}, code, says, images, results="pred.json" if scored else None
    )
