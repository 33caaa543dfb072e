"""The boxes of CVAT's shapes, which images and tracks have alike."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from pytest_detgate.dataset.labels.image_labels import FLAGS, is_set
from pytest_detgate.dataset.labels.shape_boxes import Frame, frame_of_points, frame_of_turned_box
from pytest_detgate.dataset.text.xml import numbers_of

_EDGES = ("xtl", "ytl", "xbr", "ybr")


def cvat_frame(shape: Element, what: str, path: Path, framed: list[str]) -> Frame | None:
    """The upright box of a shape; None where it has none. Where it is that of another shape, `what`
    is added to `framed`."""
    if shape.tag == "box":
        x1, y1, x2, y2 = numbers_of([shape.get(edge) for edge in _EDGES], what, path)
        (turn,) = numbers_of([shape.get("rotation", "0")], what, path)
        if turn % 360 == 0:
            return x1, y1, x2 - x1, y2 - y1
        framed.append(what)
        return frame_of_turned_box((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, turn)
    if shape.tag == "polygon":
        framed.append(what)
        texts: list[str | None] = [*(shape.get("points") or "").replace(";", ",").split(",")]
        return frame_of_points(numbers_of(texts, what, path), what, path)
    return None


def cvat_flags(shape: Element) -> list[str]:
    """The flags of a shape: `occluded`, which CVAT has, and attributes with the name of one."""
    attributes = {
        attribute.get("name"): attribute.text for attribute in shape.iterfind("attribute")
    }
    attributes["occluded"] = attributes.get("occluded") or shape.get("occluded")
    return [flag for flag in FLAGS if is_set((attributes.get(flag) or "").strip())]
