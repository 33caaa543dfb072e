"""Results and images as people have them."""

from __future__ import annotations

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.members.folders import HEIGHT, STEMS, WIDTH, Member, Row, check, coco, rows, truth

# No square, and not in the middle of its image.
LONG = {0: (0.2, 0.4, 0.1, 0.5), 1: (0.7, 0.6, 0.4, 0.3)}
UUID = "6f9619ff-8b86-d011-b42d-00cf4fc964f"


def given(content: Any, code: int, *says: str, file: str = "pred.json") -> Member:
    return coco(truth(), code, *says, results=content, file=file)


def with_uuids() -> dict[str, Any]:
    content = truth()
    for image in content["images"]:
        image["id"] = f"{UUID}{image['id']}"
    for annotation in content["annotations"]:
        annotation["image_id"] = f"{UUID}{annotation['image_id']}"
    return content


def as_uuid(row: Row) -> None:
    row["image_id"] = f"{UUID}{row['image_id']}".upper()


def as_stem_from_5(row: Row) -> None:
    if row["image_id"] >= 5:
        row["image_id"] = STEMS[row["image_id"] - 1]


def of_sahi(row: Row) -> None:
    """Ids are those of the model, from 0, and the name is beside them."""
    row["category_id"] -= 1
    row |= {"category_name": ("helmet", "vest")[row["category_id"]], "iscrowd": 0, "area": 400}


IDS = {
    "in capital letters": coco(
        with_uuids(), 1, f"did you mean '{UUID}1'? (and 15 more detections)", results=rows(as_uuid)
    ),
    "filled up with zeros": given(
        rows(lambda row: row.update(image_id=f"{row['image_id']:06d}")),
        1,
        "expected an id, a file name or its stem, such as 1, 'a0.jpg' or 'a0'",
    ),
    "numbers and stems": given(
        rows(as_stem_from_5),
        1,
        "detection 8: image_id 'a4' is not an image of val by its id, as others are (there is "
        "a4.jpg): give the id or the file name of all",
    ),
    "null": given(
        rows(lambda row: row.update(image_id=None)),
        1,
        "detection 0: image_id is null; expected a number or text",
    ),
    "names of classes in another case": given(
        rows(lambda row: row.update(category_id=("", "Helmet", "Vest")[row["category_id"]])),
        1,
        "category_id 'Helmet' is not a category of val; did you mean 'helmet'?",
    ),
}

INFERENCE = {"predictions": [{"x": 25, "y": 25, "class": "helmet", "confidence": 0.9}]}
DARKNET = [{"frame_id": 1, "filename": "a0.jpg", "objects": []}]
RESULTS = {
    "of SAHI": given(rows(of_sahi), 0, "recall[helmet]", "recall[vest]"),
    "of SAHI, with other names": given(
        rows(lambda row: row.update(category_name="hat")), 1, "class 'hat' is not a class of val"
    ),
    "of Roboflow's inference": given(
        INFERENCE, 1, "each has image_id, category_id, bbox and score", "found predictions"
    ),
    "of Darknet": given(
        DARKNET, 1, "detection 0 has no `image_id`", "found frame_id, filename, objects"
    ),
    "without scores": given(
        rows(lambda row: row.update(confidence=row.pop("score"))),
        1,
        "detection 0 has no `score`",
        "found image_id, category_id, bbox, confidence",
    ),
    "a table": given("image,x\na0.jpg,1\n", 1, "a table of text", file="pred.csv"),
    "packed": given(
        gzip.compress(json.dumps(rows()).encode()), 1, "a packed file", file="pred.json.gz"
    ),
    "with the score in the box": given(
        rows(lambda row: row["bbox"].append(0.9)), 1, "bbox: expected 4 values"
    ),
}


def written(change: Any, *says: str) -> Member:
    """Right detections whose box is written in another form."""

    def changed(row: Row) -> None:
        row["bbox"] = change(*row["bbox"])

    return coco(truth(boxes=LONG), 1, *says, results=rows(changed, boxes=LONG))


UNUSABLE = "the detections of val are not usable: "
FORMS = {
    "mirrored": written(
        lambda x, y, w, h: [WIDTH - x - w, y, w, h],
        f"{UNUSABLE}the boxes look like [x, y, width, height] of mirrored images",
    ),
    "from the lower edge": written(
        lambda x, y, w, h: [x, HEIGHT - y - h, w, h], "[x, y, width, height] from the lower edge"
    ),
    "height before width": written(lambda x, y, w, h: [x, y, h, w], "look like [x, y, height,"),
    "of an image with borders": written(
        lambda x, y, w, h: [6.4 * x, 6.4 * y + 160, 6.4 * w, 6.4 * h], "padded to 640 × 640"
    ),
    "scores as bytes": given(
        rows(lambda row: row.update(score=230)), 1, "they look like bytes: divide by 255"
    ),
    "classes in another order": given(
        rows(lambda row: row.update(category_id=3 - row["category_id"])),
        1,
        "the classes look to be in another order",
    ),
}


def replaced(content: bytes, *says: str) -> Member:
    """A split whose first image is another file."""
    return coco(truth(), 1, *says, files={"images/a0.jpg": content})


def linked(folder: Path) -> None:
    (folder / "images/a0.jpg").unlink()
    (folder / "images/a0.jpg").symlink_to("elsewhere.jpg")


def boxed(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + bytes(200)


NO_IMAGE = "a0.jpg: unreadable: not an image"
IMAGES = {
    "a pointer of Git LFS": replaced(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        f"{NO_IMAGE} but a pointer of Git LFS: `git lfs pull` fetches the file",
    ),
    "a web page": replaced(b"\n<!DOCTYPE html><html>404</html>", f"{NO_IMAGE} but a web page"),
    "zeros": replaced(bytes(5000), f"{NO_IMAGE} but zeros"),
    "a video": replaced(boxed(b"mp42"), f"{NO_IMAGE} but a video"),
    "an image of a phone": replaced(
        boxed(b"heic"),
        f"{NO_IMAGE}: HEIC that is damaged"
        if find_spec("pillow_heif")
        else f"{NO_IMAGE} that is read here: HEIC, which needs pillow-heif",
    ),
    "a link to nowhere": coco(
        truth(), 1, "a0.jpg: missing: a link to elsewhere.jpg, which is not there", also=linked
    ),
}
KINDS = {"ids": IDS, "results": RESULTS, "forms": FORMS, "images": IMAGES}


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(member, id=f"{kind}: {name}")
        for kind, members in KINDS.items()
        for name, member in members.items()
    ],
)
def test_results_and_images(pytester: pytest.Pytester, member: Member) -> None:
    check(pytester, member)
