"""`python -m pytest_detgate split` writes the format that it read, and what it writes is read back
as the same images with the same boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.report.coco_export import coco_export
from tests.unit.label_files import READERS, draw, split, write

PATTERN = r"(?P<clip>[^/]+)_\d+\.jpg$"
NAMES = [f"{clip}_{frame}.jpg" for clip in ("gate", "roof", "sub/yard") for frame in range(4)]
# Every second image has a box on it.
FULL = NAMES[::2]
OUT = ("--images", "images", "--frame-pattern", PATTERN, "--val-share", "0.34")

Make = Callable[[], str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw(Path("images"), *NAMES)


def yolo() -> str:
    files = {name.replace(".jpg", ".txt"): "" for name in NAMES}
    files |= {name.replace(".jpg", ".txt"): "1 0.5 0.5 0.2 0.4\n" for name in FULL}
    write(Path("labels"), {"classes.txt": "cone\nhelmet\n", **files})
    return "labels"


def voc() -> str:
    for name in NAMES:
        size = "<size><width>100</width><height>50</height></size>"
        box = "<xmin>40</xmin><ymin>15</ymin><xmax>60</xmax><ymax>35</ymax>"
        boxed = f"<object><name>helmet</name><bndbox>{box}</bndbox></object>"
        text = f"<filename>{Path(name).name}</filename>{size}{boxed if name in FULL else ''}"
        write(Path("labels"), {name.replace(".jpg", ".xml"): f"<annotation>{text}</annotation>"})
    return "labels"


def openimages() -> str:
    rows = [f"{name.removesuffix('.jpg')},helmet,0.4,0.6,0.3,0.7" for name in FULL]
    head = "ImageID,LabelName,XMin,XMax,YMin,YMax"
    write(Path(), {"boxes.csv": "\n".join([head, *rows]) + "\n"})
    return "boxes.csv"


def cvat() -> str:
    attribute = '<attribute name="a">ä</attribute>'
    box = f'<box label="helmet" xtl="40" ytl="15" xbr="60" ybr="35">{attribute}</box>'
    images = "".join(
        f'<image id="{row}" name="{name}" width="100" height="50">{box if name in FULL else ""}'
        "</image>"
        for row, name in enumerate(NAMES)
    )
    meta = "<meta><task><labels><label><name>helmet</name></label></labels></task></meta>"
    write(Path(), {"all.xml": f"<annotations>{meta}{images}</annotations>"})
    return "all.xml"


def contents(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    """The boxes of each image, by name."""
    found: dict[str, list[tuple[str, list[float]]]] = {
        name: [] for name in dataset.images.file_name.tolist()
    }
    names = list(found)
    boxes = dataset.boxes
    for image, category, xywh in zip(boxes.image, boxes.category, boxes.xywh, strict=True):
        found[names[image]].append((dataset.classes[category], xywh.round(6).tolist()))
    return found


def command(*arguments: object) -> int:
    return main(["split", *map(str, arguments)])


@pytest.mark.parametrize(
    ("kind", "make", "suffix"),
    [("yolo", yolo, "txt"), ("voc", voc, "txt"), ("openimages", openimages, "txt"),
     ("cvat", cvat, "xml")],
)  # fmt: skip
def test_parts_are_read_back_as_they_were(
    kind: str, make: Make, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = make()
    train, val = f"out/train.{suffix}", f"out/val.{suffix}"

    code = command(labels, "--format", kind, *OUT, "--train", train, "--val", val)

    assert code == 0
    background = kind == "openimages"  # which lists no image without a box
    whole = contents(READERS[kind](split(Path(), labels, background=background)))
    parts = [
        split(Path(), part)
        if kind == "cvat"
        else split(Path(), labels, listed=Path(part), background=background)
        for part in (train, val)
    ]
    read = [contents(READERS[kind](part)) for part in parts]
    assert len(whole) == 12
    assert sum(map(len, whole.values())) == 6
    assert [len(part) for part in read] == [8, 4]
    assert {**read[0], **read[1]} == whole
    assert not {name[:-6] for name in read[0]} & {name[:-6] for name in read[1]}
    assert "boxes of helmet" in capsys.readouterr().out


def test_list_for_yolo_begins_at_its_own_folder() -> None:
    """As training tools expect it: a line that begins with ./ is relative to the list."""
    command(yolo(), "--format", "yolo", *OUT, "--train", "train.txt", "--val", "out/val.txt")

    lines = (
        Path("train.txt").read_text().splitlines() + Path("out/val.txt").read_text().splitlines()
    )
    assert all(line.startswith(("./images/", "./../images/")) for line in lines)
    found = [Path(line) for line in Path("train.txt").read_text().splitlines()]
    found += [Path("out") / line for line in Path("out/val.txt").read_text().splitlines()]
    assert all(path.is_file() for path in found)
    assert len(found) == 12


def test_rest_of_a_cvat_file_stays() -> None:
    command(cvat(), "--format", "cvat", *OUT, "--train", "train.xml", "--val", "val.xml")

    for name in ("train.xml", "val.xml"):
        text = Path(name).read_text(encoding="utf-8")
        assert "<label><name>helmet</name></label>" in text
        assert '<attribute name="a">ä</attribute>' in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("labels", "labels", "--images", "images"), "only COCO files are merged"),
        (("labels",), "name the folder of the images: --images"),
        (
            ("labels", "labels", "--images", "images"),
            "put the images of all splits into one folder and their labels into another first",
        ),
        (("labels", "--images", "images", "--classes", "no.txt"), "no.txt"),
    ],
)
def test_what_cannot_be_split_is_refused(
    arguments: Sequence[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    yolo()

    code = command(
        *arguments, "--format", "yolo", "--frame-pattern", PATTERN, "--train", "t.txt", "--val",
        "v.txt",
    )  # fmt: skip

    assert code != 0
    assert reason in capsys.readouterr().err
    assert not Path("t.txt").exists()


@pytest.mark.parametrize("name", ["data.yaml", "labels"])
def test_what_is_no_coco_file_says_what_to_do(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    yolo()
    write(Path(), {"data.yaml": "train: images\nval: images\nnames: [cone, helmet]\n"})

    code = command(name, "--frame-pattern", PATTERN, "--train", "t.json", "--val", "v.json")

    assert code != 0
    assert f"{name}: expected a COCO file, or --format with a folder" in capsys.readouterr().err


def test_tracks_of_a_video_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Both parts would have the whole of them."""
    box = '<box frame="{}" outside="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    meta = (
        "<meta><task><name>drive</name><start_frame>0</start_frame><stop_frame>7</stop_frame>"
        "<original_size><width>100</width><height>50</height></original_size>"
        "<labels><label><name>car</name></label></labels></task></meta>"
    )
    track = f'<track id="0" label="car">{box.format(0)}{box.format(7)}</track>'
    write(Path(), {"video.xml": f"<annotations>{meta}{track}</annotations>"})

    pattern = r"(?P<clip>frame_00000\d)"
    code = command(
        "video.xml", "--format", "cvat", "--images", "frames", "--frame-pattern", pattern,
        "--train", "t.xml", "--val", "v.xml",
    )  # fmt: skip

    assert code != 0
    assert "split does not write the tracks of CVAT for video" in capsys.readouterr().err
    assert not list(Path().glob("?.xml"))


@pytest.mark.parametrize(
    ("kind", "make"), [("yolo", yolo), ("voc", voc), ("openimages", openimages), ("cvat", cvat)]
)
def test_findings_have_the_boxes_of_every_format(kind: str, make: Make) -> None:
    """What `findings/` holds is COCO, which annotation tools open."""
    dataset = READERS[kind](split(Path(), make(), background=True))
    finding = Finding(text="odd", image=FULL[0], box=(1.0, 2.0, 3.0, 4.0))

    Path("found.json").write_bytes(encode(coco_export(dataset, {FULL[0]: [finding]})))

    written = read_coco(Path("found.json"), Path("images"), "val")
    assert contents(written) == {
        FULL[0]: [("helmet", [40.0, 15.0, 20.0, 20.0]), ("detgate: finding", [1.0, 2.0, 3.0, 4.0])]
    }


def test_clip_field_is_refused_where_images_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    code = command(
        yolo(), "--format", "yolo", "--images", "images", "--clip-field", "video", "--train",
        "t.txt", "--val", "v.txt",
    )  # fmt: skip

    assert code != 0
    assert "video" in capsys.readouterr().err


def test_images_without_labels_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    yolo()
    Path("labels/gate_1.txt").unlink()

    command("labels", "--format", "yolo", *OUT, "--train", "t.txt", "--val", "v.txt")

    assert "note: 1 images have no label file" in capsys.readouterr().out
