"""The writer of each label format that a split may have."""

from __future__ import annotations

from tests.campaign.label_files import Writer, coco, cvat, openimages, voc, yolo, yolo_listed
from tests.campaign.more_label_files import (
    cvat_video,
    datumaro,
    kitti,
    labelme,
    labelstudio,
    scalabel,
)
from tests.campaign.worlds import World

WRITERS: dict[str, Writer] = {
    "coco": coco,
    "yolo": yolo,
    "yolo with lists": yolo_listed,
    "voc": voc,
    "cvat": cvat,
    "cvat video": cvat_video,
    "openimages": openimages,
    "labelme": labelme,
    "labelstudio": labelstudio,
    "kitti": kitti,
    "scalabel": scalabel,
    "datumaro": datumaro,
}
NUMBERED = ("coco", "yolo", "yolo with lists")
"""Formats that give numbers to classes; the others only names."""
LISTING = (*NUMBERED, "cvat", "cvat video", "openimages", "scalabel", "datumaro")
"""Formats that list classes, whether they occur or not."""


def fitting(labels: str, world: World) -> str:
    """A format that can hold the world. For CVAT for video each split becomes one video."""
    if labels == "kitti" and any(" " in name for name in world.classes):
        return "labelme"  # whose classes are more than words
    if labels == "cvat video":
        for pictures in world.splits.values():
            for number, picture in enumerate(pictures, start=1):
                picture.frame = 10 * number
                picture.name = f"{picture.name.rpartition('_')[0]}_{picture.frame:03d}.png"
    return labels
