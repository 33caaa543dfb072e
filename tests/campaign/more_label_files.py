"""A split or probe of a world in the formats of annotation tools; see `label_files`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.campaign.label_files import Files
from tests.campaign.worlds import Labelled, Picture


def labelme(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A folder of LabelMe files."""
    files: Files = {}
    for picture in pictures:
        stem = PurePosixPath(picture.name).with_suffix(".json")
        files[f"labels/{part}/{stem}"] = {
            "json": {
                "version": "5.4.1",
                "flags": {},
                "shapes": [
                    {
                        "label": box.name,
                        "points": [[box.box[0], box.box[1]], list(_end(box))],
                        "group_id": None,
                        "shape_type": "rectangle",
                        "flags": {},
                    }
                    for box in picture.boxes
                ],
                "imagePath": PurePosixPath(picture.name).name,
                "imageData": None,
                "imageHeight": picture.size[1],
                "imageWidth": picture.size[0],
            }
        }
    return files, _table("labelme", f"labels/{part}", part)


def labelstudio(
    part: str, pictures: Sequence[Picture], classes: Sequence[str]
) -> tuple[Files, Any]:
    """The JSON export of a project of Label Studio."""
    tasks = [
        {
            "id": number,
            "data": {"image": picture.name},
            "annotations": [
                {
                    "id": number,
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": f"r{row}",
                            "type": "rectanglelabels",
                            "from_name": "label",
                            "to_name": "image",
                            "original_width": picture.size[0],
                            "original_height": picture.size[1],
                            "image_rotation": 0,
                            "value": {
                                "rotation": 0,
                                "x": 100 * box.box[0] / picture.size[0],
                                "y": 100 * box.box[1] / picture.size[1],
                                "width": 100 * box.box[2] / picture.size[0],
                                "height": 100 * box.box[3] / picture.size[1],
                                "rectanglelabels": [box.name],
                            },
                        }
                        for row, box in enumerate(picture.boxes)
                    ],
                }
            ],
        }
        for number, picture in enumerate(pictures, start=1)
    ]
    path = f"data/{part}.json"
    return {path: {"json": tasks}}, _table("labelstudio", path, part)


def kitti(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A folder of KITTI files for detection."""
    files: Files = {}
    for picture in pictures:
        stem = PurePosixPath(picture.name).with_suffix(".txt")
        lines = [
            f"{box.name} 0.00 0 -10 {box.box[0]:g} {box.box[1]:g} {_end(box)[0]:g} "
            f"{_end(box)[1]:g} -1 -1 -1 -1000 -1000 -1000 -10\n"
            for box in picture.boxes
        ]
        files[f"labels/{part}/{stem}"] = {"text": "".join(lines)}
    return files, _table("kitti", f"labels/{part}", part)


def scalabel(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A file of Scalabel, whose boxes include the pixel at their lower right corner."""
    frames = [
        {
            "name": picture.name,
            "size": {"width": picture.size[0], "height": picture.size[1]},
            "labels": [
                {
                    "id": str(row),
                    "category": box.name,
                    "attributes": {"crowd": box.crowd},
                    "box2d": {
                        "x1": box.box[0],
                        "y1": box.box[1],
                        "x2": _end(box)[0] - 1,
                        "y2": _end(box)[1] - 1,
                    },
                }
                for row, box in enumerate(picture.boxes)
            ],
        }
        for picture in pictures
    ]
    content = {"frames": frames, "config": {"categories": [{"name": name} for name in classes]}}
    path = f"data/{part}.json"
    return {path: {"json": content}}, _table("scalabel", path, part)


def datumaro(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """The file of a subset of Datumaro."""
    items = [
        {
            "id": PurePosixPath(picture.name).with_suffix("").as_posix(),
            "annotations": [
                {
                    "id": row,
                    "type": "bbox",
                    "attributes": {"is_crowd": box.crowd},
                    "group": 0,
                    "label_id": list(classes).index(box.name),
                    "bbox": list(box.box),
                }
                for row, box in enumerate(picture.boxes)
            ],
            "image": {"path": picture.name, "size": [picture.size[1], picture.size[0]]},
        }
        for picture in pictures
    ]
    labels = [{"name": name, "parent": "", "attributes": []} for name in classes]
    content = {"info": {}, "categories": {"label": {"labels": labels}}, "items": items}
    path = f"data/{part}.json"
    return {path: {"json": content}}, _table("datumaro", path, part)


def frame_number(name: str) -> int:
    """The number of the frame that an image of CVAT for video is: the last one in its name."""
    return int(re.findall(r"\d+", PurePosixPath(name).stem)[-1])


def cvat_video(part: str, pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[Files, Any]:
    """A file of CVAT for video: every tenth frame is one of the task, and each box a track of one
    frame."""
    numbers = {frame_number(picture.name): picture for picture in pictures}
    tracks: list[str] = []
    for number, entry in sorted(numbers.items()):
        for box in entry.boxes:
            edges = (
                f'xtl="{box.box[0]:g}" ytl="{box.box[1]:g}" xbr="{_end(box)[0]:g}" '
                f'ybr="{_end(box)[1]:g}"'
            )
            shapes = f'<box frame="{number}" outside="0" occluded="0" {edges}></box>\n'
            if number < max(numbers):
                shapes += f'<box frame="{number + 10}" outside="1" occluded="0" {edges}></box>\n'
            track = f'<track id="{len(tracks)}" label={quoteattr(box.name)}>\n{shapes}</track>\n'
            tracks.append(track)
    labels = "".join(f"<label><name>{escape(name)}</name></label>" for name in classes)
    text = (
        f"<annotations>\n<version>1.1</version>\n<meta><task><name>drive</name>"
        f"<start_frame>{min(numbers)}</start_frame><stop_frame>{max(numbers)}</stop_frame>"
        f"<frame_filter>step=10</frame_filter><labels>{labels}</labels></task></meta>\n"
        f"{''.join(tracks)}</annotations>\n"
    )
    path = f"data/{part}.xml"
    return {path: {"text": text}}, _table("cvat", path, part)


def _end(box: Labelled) -> tuple[float, float]:
    x, y, width, height = box.box
    return x + width, y + height


def _table(name: str, annotations: str, part: str) -> dict[str, Any]:
    return {"format": name, "annotations": annotations, "images": f"images/{part}"}
