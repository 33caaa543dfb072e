"""A split or probe of a world as files, in every label format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.campaign.project import Entry
from tests.campaign.worlds import Picture

Files = dict[str, Entry]
Writer = Callable[[str, Sequence[Picture], Sequence[str]], "tuple[Files, dict[str, Any]]"]


def image_files(folder: str, pictures: Sequence[Picture]) -> Files:
    """The image files of a split or probe."""
    return {
        f"{folder}/{picture.name}": {
            "picture": {
                "look": picture.look,
                "width": picture.size[0],
                "height": picture.size[1],
                "suffix": PurePosixPath(picture.name).suffix.lower(),
            }
        }
        for picture in pictures
    }


IDS: dict[str, Callable[[int, str], int | str]] = {
    "from one": lambda number, name: number,
    "from zero": lambda number, name: number - 1,
    "far apart": lambda number, name: number * 10**9,
    "text": lambda number, name: str(number),
    "names": lambda number, name: name,
}
"""How a COCO file calls its images, by their number from 1 and their file name."""


def coco(
    part: str, pictures: Sequence[Picture], classes: Sequence[str], ids: str = "from one"
) -> tuple[Files, Any]:
    """A COCO file; images have the further fields video, site and frame_id."""
    names = dict(enumerate((picture.name for picture in pictures), start=1))
    boxes = [
        (number, box) for number, picture in enumerate(pictures, start=1) for box in picture.boxes
    ]
    content = {
        "images": [
            {
                "id": IDS[ids](number, picture.name),
                "file_name": picture.name,
                "width": picture.size[0],
                "height": picture.size[1],
                "video": picture.clip,
                "site": picture.site,
                "frame_id": picture.frame,
            }
            for number, picture in enumerate(pictures, start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(classes, start=1)
        ],
        "annotations": [
            {
                "id": index,
                "image_id": IDS[ids](number, names[number]),
                "category_id": list(classes).index(box.name) + 1,
                "bbox": list(box.box),
                "area": box.box[2] * box.box[3],
                "iscrowd": int(box.crowd),
            }
            for index, (number, box) in enumerate(boxes, start=1)
        ],
    }
    table = {"annotations": f"data/{part}.json", "images": f"images/{part}"}
    return {f"data/{part}.json": {"json": content}}, table


def yolo(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A folder of YOLO labels, with the names of the classes in a data.yaml."""
    files: Files = {}
    for picture in pictures:
        lines = []
        for box in picture.boxes:
            x, y, width, height = box.box
            shares = (
                (x + width / 2) / picture.size[0],
                (y + height / 2) / picture.size[1],
                width / picture.size[0],
                height / picture.size[1],
            )
            number = list(classes).index(box.name)
            lines.append(" ".join([str(number), *map(repr, shares)]))
        stem = PurePosixPath(picture.name).with_suffix(".txt")
        files[f"labels/{part}/{stem}"] = {"text": "".join(f"{line}\n" for line in lines)}
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(classes))
    files["labels/data.yaml"] = {"text": f"names:\n{names}"}
    table = {
        "format": "yolo",
        "annotations": f"labels/{part}",
        "images": f"images/{part}",
        "classes": "labels/data.yaml",
    }
    return files, table


def yolo_listed(
    part: str, pictures: Sequence[Picture], classes: Sequence[str]
) -> tuple[Files, Any]:
    """The same, where a file lists the images of the split out of one folder for all."""
    files, table = yolo(part, pictures, classes)
    lines = "".join(f"./images/{part}/{picture.name}\n" for picture in pictures)
    files[f"data/{part}.txt"] = {"text": lines}
    return files, table | {"annotations": "labels", "images": "images", "list": f"data/{part}.txt"}


def voc(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A folder of Pascal VOC files."""
    files: Files = {}
    for picture in pictures:
        objects = "".join(
            f"<object><name>{escape(box.name)}</name><difficult>0</difficult><bndbox>"
            f"<xmin>{box.box[0]:g}</xmin><ymin>{box.box[1]:g}</ymin>"
            f"<xmax>{box.box[0] + box.box[2]:g}</xmax><ymax>{box.box[1] + box.box[3]:g}</ymax>"
            "</bndbox></object>\n"
            for box in picture.boxes
        )
        stem = PurePosixPath(picture.name).with_suffix(".xml")
        files[f"xml/{part}/{stem}"] = {
            "text": f"<annotation>\n<filename>{escape(picture.name)}</filename>\n"
            f"<size><width>{picture.size[0]}</width><height>{picture.size[1]}</height><depth>3</depth>"
            f"</size>\n{objects}</annotation>\n"
        }
    table = {"format": "voc", "annotations": f"xml/{part}", "images": f"images/{part}"}
    return files, table


def cvat(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A file of CVAT for images."""
    labels = "".join(f"<label><name>{escape(name)}</name></label>" for name in classes)
    images = "".join(
        f'<image id="{number}" name={quoteattr(picture.name)} width="{picture.size[0]}" '
        f'height="{picture.size[1]}">\n'
        + "".join(
            f'<box label={quoteattr(box.name)} occluded="0" xtl="{box.box[0]:g}" '
            f'ytl="{box.box[1]:g}" xbr="{box.box[0] + box.box[2]:g}" '
            f'ybr="{box.box[1] + box.box[3]:g}" z_order="0"></box>\n'
            for box in picture.boxes
        )
        + "</image>\n"
        for number, picture in enumerate(pictures)
    )
    text = (
        f"<annotations>\n<version>1.1</version>\n<meta><task><labels>{labels}</labels></task>"
        f"</meta>\n{images}</annotations>\n"
    )
    table = {"format": "cvat", "annotations": f"data/{part}.xml", "images": f"images/{part}"}
    return {f"data/{part}.xml": {"text": text}}, table


def openimages(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A CSV file of Open Images, with the names of the classes in another."""
    lines = ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf"]
    for picture in pictures:
        stem = PurePosixPath(picture.name).with_suffix("").as_posix()
        for box in picture.boxes:
            x, y, width, height = box.box
            shares = (
                x / picture.size[0],
                (x + width) / picture.size[0],
                y / picture.size[1],
                (y + height) / picture.size[1],
            )
            code = f"/m/{list(classes).index(box.name)}"
            numbers = ",".join(f"{share:.9f}" for share in shares)
            lines.append(f"{stem},xclick,{code},1,{numbers},{int(box.crowd)}")
    names = "".join(f"/m/{number},{name}\n" for number, name in enumerate(classes))
    files: Files = {
        f"data/{part}.csv": {"text": "\n".join(lines) + "\n"},
        "data/names.csv": {"text": names},
    }
    table = {
        "format": "openimages",
        "annotations": f"data/{part}.csv",
        "images": f"images/{part}",
        "classes": "data/names.csv",
    }
    return files, table
