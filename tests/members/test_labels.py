"""Labels and class lists as people have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.members.folders import (
    IN_COCO,
    IN_VOC,
    LINES,
    NEAR,
    RULES,
    STEMS,
    YAML,
    Member,
    check,
    coco,
    rows,
    truth,
    yolo,
)

# The labels of three key points: two on the helmet, one that is not there.
POSED = "0 .25 .5 .2 .4 .2 .4 .3 .6 0 0\n1 .75 .5 .3 .2 .7 .5 .8 .5 0 0\n"
POSED_3 = "0 .25 .5 .2 .4 .2 .4 2 .3 .6 2 0 0 0\n1 .75 .5 .3 .2 .7 .5 2 .8 .5 2 0 0 0\n"


def with_classes(file: str) -> str:
    """The configuration of a split whose class list is named."""
    where = '[dataset.splits.val]\nformat = "yolo"\nannotations = "labels/val"\n'
    return f'{where}images = "images/val"\nclasses = "{file}"\n{RULES}'


def listed(text: str, code: int, *says: str, name: str = "classes.txt") -> Member:
    """A class list that is found, with detections by number."""
    return yolo(code, *says, yaml=None, scored=True, files={name: text})


CLASS_LISTS = {
    "of Roboflow's Darknet": listed("helmet\nvest\n", 0, "recall[vest]", name="_darknet.labels"),
    "of Darknet": yolo(
        0,
        yaml=None,
        files={
            "detgate.toml": with_classes("obj.data"),
            "obj.data": "classes = 2\nnames = data/voc.names\n",
            "data/voc.names": "helmet\nvest\n",
        },
    ),
    "of Label Studio": yolo(
        0,
        yaml=None,
        files={
            "detgate.toml": with_classes("notes.json"),
            "notes.json": {"categories": [{"id": 0, "name": "helmet"}, {"id": 1, "name": "vest"}]},
        },
    ),
    "numbered": listed("0: helmet\n1: vest\n", 0, "recall[helmet]", "recall[vest]"),
    "numbered from 1": listed("1 helmet\n2 vest\n", 1, "numbers its classes from 1 on"),
    "commented": listed("# ours\nhelmet\nvest\n", 1, "classes.txt: line 1 is a comment"),
    "in one line": listed("helmet, vest\n", 1, "names several classes in one line"),
    "of tables": yolo(
        1,
        "`names` is a list of tables; write `0: helmet` without the hyphen in front, or `- helmet`",
        yaml="path: .\nval: images/val\nnames:\n  - 0: helmet\n  - 1: vest\n",
    ),
    "elsewhere": yolo(1, "(there is notes.json)", yaml=None, files={"notes.json": {}}),
}


def categories(*names: str, group: str | None = None) -> list[dict[str, Any]]:
    """Categories from 0 on, the later ones in a group."""
    collected: list[dict[str, Any]] = [{"id": row, "name": name} for row, name in enumerate(names)]
    for row, entry in enumerate(collected) if group else ():
        entry["supercategory"] = group if row else "none"
    return collected


def placed(code: int, *says: str, of: list[dict[str, Any]], head: str = "") -> Member:
    """A COCO file with placeholders."""
    return coco({**truth(), "categories": of}, code, *says, results=rows(), head=head)


NOISE = "This dataset was exported via roboflow.com"
PLACEHOLDERS = {
    "with the name of the one class": coco(
        {
            **truth(boxes={0: (0.25, 0.5, 0.2, 0.4)}),
            "categories": categories("helmet", "helmet", group="helmet"),
        },
        0,
        "recall[helmet]",
        results=rows(boxes={0: (0.25, 0.5, 0.2, 0.4)}),
    ),
    "detected": coco(
        {
            **truth(boxes={0: (0.25, 0.5, 0.2, 0.4)}),
            "categories": categories("helmet", "helmet", group="helmet"),
        },
        1,
        "category_id 0 is 'helmet' without any box, a placeholder; the class has id 1",
        results=rows(lambda row: row.update(category_id=0), boxes={0: (0.25, 0.5, 0.2, 0.4)}),
    ),
    "gaps of COCO's numbering": placed(
        0, of=categories("__background__", "helmet", "vest", "N/A", "N/A")
    ),
    "what is ignored": placed(0, of=categories("BG", "helmet", "vest", "__ignore__")),
    "noise of an export": placed(
        1,
        "so its recall is not defined; `classes` under [dataset] lists the classes that count",
        of=categories("-", "helmet", "vest", NOISE, group="-"),
    ),
    "noise that is left out": placed(
        0,
        of=categories("-", "helmet", "vest", NOISE, group="-"),
        head='[dataset]\nclasses = ["helmet", "vest"]\n',
    ),
}


def merged(train: list[str], val: list[str], *says: str) -> Member:
    """Two splits with other names, compared by `class-names`."""
    config = IN_COCO + IN_COCO.replace("val", "train") + "[rules.class-names]\n"
    config += 'between = ["train", "val"]\n'
    files = {"val.json": truth(classes=val), "train.json": truth(classes=train)}
    return Member({**files, "detgate.toml": config}, 1, says)


TWIN_IDS = truth()
for _only in TWIN_IDS["images"][4:]:
    _only["id"] -= 4
MERGED = {
    "a hyphen and an underscore": Member(
        {
            "val.json": truth(classes=["safety_vest", "safety-vest"]),
            "detgate.toml": IN_COCO + "[rules.duplicate-ids]\n",
        },
        1,
        ["1 name differs from another one only in spelling"],
    ),
    "singular and plural": merged(
        ["helmet", "vest"],
        ["helmets", "vest"],
        "'helmets' is a class of val (val.json) only; train (train.json) says 'helmet'",
    ),
    "a letter of another alphabet": merged(
        ["helmet", "vest"],
        ["h\u0435lmet", "vest"],
        "'h\u0435lmet' is a class of val (val.json) only; train (train.json) says 'helmet'",
    ),
    "ids that both used": coco(
        TWIN_IDS, 1, "image id 1 is used for several images", results=rows()
    ),
}

LABEL_LINES = {
    "key points in the plane": yolo(
        0, "recall[vest]", lines=POSED, yaml=f"{YAML}kpt_shape: [3, 2]\n", scored=True
    ),
    "key points that are seen or not": yolo(
        0, "recall[vest]", lines=POSED_3, yaml=f"{YAML}kpt_shape: [3, 3]\n", scored=True
    ),
    "key points without a shape": yolo(
        1, "where these are key points, `kpt_shape` in the data.yaml says so", lines=POSED_3
    ),
    "commas": yolo(1, "blanks separate the numbers", lines=LINES.replace(" ", ",")),
    "names of classes": yolo(
        1,
        "'helmet 15.0 15.0 35.0 35.0'; write the number of the class in place of its name",
        lines="helmet 15.0 15.0 35.0 35.0\n",
    ),
    "corners of DOTA": yolo(
        1,
        "this is a line of DOTA, with the class behind the corners",
        lines="10 10 30 10 30 30 10 30 helmet 0\n",
    ),
    "pixels": yolo(
        1,
        "16 of 16 boxes have numbers over 2, first a0.txt:1; YOLO labels are centre, width and "
        "height in shares of the image, and these look like pixels or per cent",
        lines="0 25 25 20 20\n1 75 25 30 10\n",
    ),
    "blanks that do not break": yolo(0, lines=LINES.replace(" ", "\u00a0")),
}

FRAME = [[15, 15, 35, 15, 35, 35, 15, 35]]
BOXES_MISSING = {
    "zeros beside a segmentation": coco(
        truth(first={"bbox": [0, 0, 0, 0], "segmentation": FRAME}), 0, results=rows()
    ),
    "an object, a text and a list of lists": coco(
        {
            **truth(),
            "annotations": [
                {"id": row, "image_id": 1, "category_id": 1, "bbox": box}
                for row, box in enumerate([{"x": 1}, "[1, 2, 3, 4]", [[1, 2, 3, 4]]])
            ],
        },
        1,
        '3 values are wrong: annotations[0].bbox is {"x": 1}; expected [x, y, width, height]',
        'annotations[1].bbox is "[1, 2, 3, 4]"',
        "annotations[2].bbox is [[1, 2, 3, 4]]",
    ),
    "key points alone": coco(
        truth(first={"bbox": None, "keypoints": [20, 20, 2]}),
        1,
        "annotations[0].bbox is null, and there is no segmentation to take it from",
    ),
    "sizes of zero": coco(
        truth(image={"width": 0, "height": 0}),
        1,
        "width 100, stated as 0",
        "16 boxes on images of unknown size",
        "passed mean-ap",
        results=rows(),
    ),
    "a folder": Member(
        {
            "detgate.toml": IN_COCO.replace("val.json", "labels") + RULES,
            "labels/a0.txt": LINES,
        },
        1,
        ["labels: a folder, and COCO annotations are one file; with .txt files it may be format"],
    ),
    "names in place of categories": coco(
        {**truth(), "categories": ["helmet", "vest"]},
        1,
        "val.json: categories[0] is text; expected an object",
    ),
    "a packed file": coco(b"\x1f\x8b\x08" + bytes(20), 1, "not JSON but a compressed file (gzip)"),
    "a file of VIA": coco(
        {"a0.jpg123": {"filename": "a0.jpg", "regions": []}},
        1,
        "val.json: annotations of VIA; export them there as COCO",
    ),
}


def named(change: Any, *says: str, near: bool = False) -> Member:
    """A COCO file with changed names of its images."""
    names = [change(f"{stem}.jpg") for stem in STEMS]
    return coco(truth(names), 0 if near else 1, *says, head=NEAR if near else "")


def voc(code: int, *says: str, name: str, head: str = "") -> Member:
    """Files of Pascal VOC, with `{}` for the stem in the name that is inside."""
    box = "<bndbox><xmin>15</xmin><ymin>15</ymin><xmax>35</xmax><ymax>35</ymax></bndbox>"
    text = f"<annotation><filename>{name}</filename><object><name>helmet</name>{box}"
    files = {f"labels/{stem}.xml": f"{text.format(stem)}</object></annotation>" for stem in STEMS}
    return Member({**files, "detgate.toml": head + IN_VOC + RULES}, code, says)


def uploaded(name: str) -> str:
    return f"images/1/1a2b3c4d-{name}"


def exported(name: str) -> str:
    return f"{name[:-4]}_jpg.rf.{'0123456789abcdef' * 2}.jpg"


NAMES = {
    "uploads of Label Studio": named(uploaded, "1a2b3c4d-a0.jpg: missing: no such file (there is"),
    "uploads, near": named(uploaded, near=True),
    "exports of Roboflow": named(exported, "missing: no such file (there is a0.jpg)"),
    "exports, near": named(exported, near=True),
    "two suffixes": named(lambda name: f"{name}.jpg", "missing: no such file (there is a0.jpg)"),
    "signed addresses": named(
        lambda name: f"https://bucket.example/site/{name}?signed=1", "(there is a0.jpg)"
    ),
    "empty": named(lambda name: "", 'images[0].file_name is ""; expected text'),
    "labels with the suffix of the image": yolo(
        1,
        'a0.jpg.txt is the label of a0.jpg.jpg (there is a0.jpg); match-names = "near"',
        suffix=".jpg.txt",
    ),
    "such labels, near": yolo(0, suffix=".jpg.txt", head=NEAR),
    "one old name in all": voc(
        1, 'IMG_1.jpg has two labels, a0.xml and a1.xml; match-names = "near"', name="IMG_1.jpg"
    ),
    "one old name, near": voc(0, name="IMG_1.jpg", head=NEAR),
}
KINDS = {
    "class lists": CLASS_LISTS,
    "placeholders": PLACEHOLDERS,
    "merged": MERGED,
    "lines": LABEL_LINES,
    "missing": BOXES_MISSING,
    "names": NAMES,
}


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(member, id=f"{kind}: {name}")
        for kind, members in KINDS.items()
        for name, member in members.items()
    ],
)
def test_a_data_set(pytester: pytest.Pytester, member: Member) -> None:
    check(pytester, member)
