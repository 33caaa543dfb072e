"""Writers of label formats for tests, written from the descriptions of the formats and not from our
readers. Each takes `{image: (width, height, [(class, x, y, w, h), ...])}` in pixels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

Box = tuple[str, float, float, float, float]
Truth = Mapping[str, tuple[float, float, Sequence[Box]]]


def write_labelme(truth: Truth, folder: Path) -> Path:
    labels = folder / "labelme"
    labels.mkdir()
    for image, (width, height, boxes) in truth.items():
        shapes: list[Any] = [
            {
                "label": name,
                "points": [[x, y], [x + w, y + h]],
                "group_id": None,
                "shape_type": "rectangle",
                "flags": {},
            }
            for name, x, y, w, h in boxes
        ]
        content: dict[str, Any] = {
            "version": "5.4.1",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"../images/{image}",
            "imageData": None,
            "imageHeight": int(height),
            "imageWidth": int(width),
        }
        (labels / f"{Path(image).stem}.json").write_text(json.dumps(content))
    return labels


def write_labelstudio(truth: Truth, folder: Path) -> Path:
    tasks = []
    for number, (image, (width, height, boxes)) in enumerate(truth.items(), start=1):
        results = [
            {
                "id": f"r{row}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": int(width),
                "original_height": int(height),
                "image_rotation": 0,
                "value": {
                    "rotation": 0,
                    "x": 100 * x / width,
                    "y": 100 * y / height,
                    "width": 100 * w / width,
                    "height": 100 * h / height,
                    "rectanglelabels": [name],
                },
            }
            for row, (name, x, y, w, h) in enumerate(boxes)
        ]
        tasks.append(
            {
                "id": number,
                "data": {"image": f"/data/upload/1/0a1b2c3d-{image}"},
                "annotations": [{"id": number, "result": results, "was_cancelled": False}],
                "predictions": [],
            }
        )
    path = folder / "project.json"
    path.write_text(json.dumps(tasks))
    return path


def write_kitti(truth: Truth, folder: Path) -> Path:
    labels = folder / "label_2"
    labels.mkdir()
    for image, (_, _, boxes) in truth.items():
        lines = [
            f"{name} 0.00 0 -10 {x} {y} {x + w} {y + h} -1 -1 -1 -1000 -1000 -1000 -10\n"
            for name, x, y, w, h in boxes
        ]
        (labels / f"{Path(image).stem}.txt").write_text("".join(lines))
    return labels


def write_scalabel(truth: Truth, folder: Path) -> Path:
    frames = [
        {
            "name": image,
            "size": {"width": int(width), "height": int(height)},
            "labels": [
                {
                    "id": str(row),
                    "category": name,
                    "attributes": {"occluded": False, "truncated": False},
                    "box2d": {"x1": x, "y1": y, "x2": x + w - 1, "y2": y + h - 1},
                }
                for row, (name, x, y, w, h) in enumerate(boxes)
            ],
        }
        for image, (width, height, boxes) in truth.items()
    ]
    path = folder / "scalabel.json"
    path.write_text(json.dumps(frames))
    return path


def write_datumaro(truth: Truth, folder: Path) -> Path:
    names = sorted({name for _, _, boxes in truth.values() for name, *_ in boxes})
    items = [
        {
            "id": Path(image).stem,
            "annotations": [
                {
                    "id": row,
                    "type": "bbox",
                    "attributes": {"occluded": False},
                    "group": 0,
                    "label_id": names.index(name),
                    "z_order": 0,
                    "bbox": [x, y, w, h],
                }
                for row, (name, x, y, w, h) in enumerate(boxes)
            ],
            "attr": {"frame": number},
            "image": {"path": image, "size": [int(height), int(width)]},
        }
        for number, (image, (width, height, boxes)) in enumerate(truth.items())
    ]
    labels = [{"name": name, "parent": "", "attributes": []} for name in names]
    content = {
        "info": {},
        "categories": {"label": {"attributes": ["occluded"], "labels": labels}},
        "items": items,
    }
    path = folder / "datumaro.json"
    path.write_text(json.dumps(content))
    return path


def write_cvat_video(truth: Truth, folder: Path) -> Path:
    """Each box is a track of one frame; images must be named by their place, `frame_000000`."""
    names = sorted({name for _, _, boxes in truth.values() for name, *_ in boxes})
    labels = "".join(f"<label><name>{name}</name></label>" for name in names)
    tracks: list[str] = []
    last = len(truth) - 1
    for frame, (_, _, boxes) in enumerate(truth.values()):
        for name, x, y, w, h in boxes:
            edges = f'xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"'
            shape = '<box frame="{}" keyframe="1" outside="{}" occluded="0" {} z_order="0"></box>'
            shapes = shape.format(frame, 0, edges)
            if frame < last:
                shapes += shape.format(frame + 1, 1, edges)
            tracks.append(f'<track id="{len(tracks)}" label={quoteattr(name)}>{shapes}</track>')
    path = folder / "video.xml"
    path.write_text(
        f"<annotations><version>1.1</version><meta><task><id>1</id><name>drive</name>"
        f"<size>{len(truth)}</size><mode>interpolation</mode><start_frame>0</start_frame>"
        f"<stop_frame>{last}</stop_frame><frame_filter></frame_filter>"
        f"<labels>{labels}</labels></task></meta>{''.join(tracks)}</annotations>"
    )
    return path


WRITERS: Mapping[str, Callable[[Truth, Path], Path]] = {
    "labelme": write_labelme,
    "labelstudio": write_labelstudio,
    "kitti": write_kitti,
    "scalabel": write_scalabel,
    "datumaro": write_datumaro,
}
