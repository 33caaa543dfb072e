"""`python -m pytest_detgate split` writes the format that it read, and what it writes is read back
as the same images with the same boxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.labels.formats import FORMATS
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.report.coco_export import coco_export
from tests.judged import judged
from tests.unit.label_files import READERS, draw, split, write
from tests.unit.label_writers import WRITERS, Truth

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


def truth() -> Truth:
    """The same images and boxes, for the writers of formats."""
    box = ("helmet", 40.0, 15.0, 20.0, 20.0)
    return {name: (100.0, 50.0, [box] if name in FULL else []) for name in NAMES}


def labelstudio() -> str:
    path = WRITERS["labelstudio"](truth(), Path())
    # An upload has its eight characters in front of the last part of its path.
    path.write_text(path.read_text().replace("0a1b2c3d-sub/", "sub/0a1b2c3d-"))
    return str(path)


MAKERS: Mapping[str, Make] = {
    "yolo": yolo,
    "voc": voc,
    "openimages": openimages,
    "cvat": cvat,
    "labelme": lambda: str(WRITERS["labelme"](truth(), Path())),
    "labelstudio": labelstudio,
    "kitti": lambda: str(WRITERS["kitti"](truth(), Path())),
    "scalabel": lambda: str(WRITERS["scalabel"](truth(), Path())),
    "datumaro": lambda: str(WRITERS["datumaro"](truth(), Path())),
}
LISTS = ("yolo", "voc", "openimages", "labelme", "kitti")


def contents(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    """The boxes of each image, by name."""
    listed: dict[str, list[tuple[str, list[float]]]] = {
        name: [] for name in dataset.images.file_name.tolist()
    }
    names = list(listed)
    boxes = dataset.boxes
    for image, category, xywh in zip(boxes.image, boxes.category, boxes.xywh, strict=True):
        listed[names[image]].append((dataset.classes[category], xywh.round(6).tolist()))
    return listed


def command(*arguments: object) -> int:
    return main(["split", *map(str, arguments)])


@pytest.mark.parametrize("kind", FORMATS[1:])
def test_parts_are_read_back_as_they_were(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    labels = MAKERS[kind]()
    suffix = "txt" if kind in LISTS else Path(labels).suffix[1:]
    train, val = f"out/train.{suffix}", f"out/val.{suffix}"

    code = command(labels, "--format", kind, *OUT, "--train", train, "--val", val)

    assert code == 0
    background = kind == "openimages"  # which lists no image without a box
    whole = contents(READERS[kind](split(Path(), labels, background=background)))
    parts = [
        split(Path(), labels, listed=Path(part), background=background)
        if kind in LISTS
        else split(Path(), part)
        for part in (train, val)
    ]
    read = [contents(READERS[kind](part)) for part in parts]
    assert len(whole) == 12
    assert sum(map(len, whole.values())) == 6
    assert [len(part) for part in read] == [8, 4]
    assert {**read[0], **read[1]} == whole
    assert not {name[:-6] for name in read[0]} & {name[:-6] for name in read[1]}
    assert "boxes of helmet" in capsys.readouterr().out


@pytest.mark.parametrize("kind", FORMATS[1:])
def test_coco_files_of_every_format(kind: str) -> None:
    labels = MAKERS[kind]()

    background = ("--missing-labels", "background") if kind == "openimages" else ()
    code = command(
        labels, "--format", kind, *OUT, *background, "--to-coco", "--train", "t.json", "--val",
        "v.json",
    )  # fmt: skip

    assert code == 0
    boxes = {name: [("helmet", [40.0, 15.0, 20.0, 20.0])] if name in FULL else [] for name in NAMES}
    read = [contents(read_coco(Path(name), Path("images"), "val")) for name in ("t.json", "v.json")]
    assert [len(part) for part in read] == [8, 4]
    assert {**read[0], **read[1]} == boxes
    files = [json.loads(Path(name).read_text()) for name in ("t.json", "v.json")]
    ids = [image["id"] for file in files for image in file["images"]]
    assert sorted(ids) == list(range(1, 13))
    assert {(image["width"], image["height"]) for image in files[0]["images"]} == {(100, 50)}


def test_what_coco_cannot_say_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """COCO would call an image without labels empty."""
    yolo()
    Path("labels/gate_1.txt").unlink()

    command(
        "labels", "--format", "yolo", *OUT, "--to-coco", "--train", "t.json", "--val", "v.json"
    )  # fmt: skip

    parts = [json.loads(Path(name).read_text())["images"] for name in ("t.json", "v.json")]
    names = {image["file_name"] for part in parts for image in part}
    assert names == set(NAMES) - {"gate_1.jpg"}
    assert "note: 1 image is left out" in capsys.readouterr().out


def test_rest_of_a_json_file_stays() -> None:
    """Also numbers as they were written, and text that is not ASCII."""
    path = Path(MAKERS["datumaro"]())
    extra = ', "ratio": 1.50, "note": "ä"}'
    path.write_text(path.read_text().replace('"frame": 0}', '"frame": 0' + extra))

    command(path, "--format", "datumaro", *OUT, "--train", "t.json", "--val", "v.json")

    parts = [Path(name).read_text() for name in ("t.json", "v.json")]
    assert sum(extra in part for part in parts) == 1
    for part in parts:
        assert json.loads(part)["categories"] == json.loads(path.read_text())["categories"]


class TestDataYaml:
    """A `data.yaml` says all that `split` asks for."""

    def test_folders_that_are_split_already(self, capsys: pytest.CaptureFixture[str]) -> None:
        for folder, clips in (("train", ("gate", "roof")), ("valid", ("roof", "yard"))):
            for number, clip in enumerate(clips):
                for frame in range(2 * number, 2 * number + 2):
                    name = f"{clip}_{frame}"
                    draw(Path(folder, "images"), f"{name}.jpg")
                    line = "0 0.5 0.5 0.2 0.4\n"
                    write(Path(folder, "labels"), {f"{name}.txt": line})
        names = "names: [helmet]\ntrain: ../train/images\nval: ../valid/images\n"
        write(Path(), {"data.yaml": names})

        code = command(
            "data.yaml", "--frame-pattern", PATTERN, "--train", "train.txt", "--val", "val.txt"
        )

        assert code == 0
        lists = [Path(name).read_text().split() for name in ("train.txt", "val.txt")]
        assert len(lists[0]) + len(lists[1]) == 8
        assert all(Path(line).is_file() for line in (*lists[0], *lists[1]))
        sides = [{Path(line).name.partition("_")[0] for line in part} for part in lists]
        assert not sides[0] & sides[1]
        out = capsys.readouterr().out
        assert "clips in more than one file: 1 before (roof), 0 now" in out
        assert out.endswith("Now write into data.yaml:\n  train: train.txt\n  val: val.txt\n")

        write(Path(), {"data.yaml": "names: [helmet]\ntrain: train.txt\nval: val.txt\n"})
        config = (
            f"[dataset]\nframe-pattern = '{PATTERN}'\n"
            '[dataset.splits.train]\ndata = "data.yaml"\n'
            '[dataset.splits.val]\ndata = "data.yaml"\n'
            '[rules.clip-overlap]\nbetween = ["train", "val"]\n[rules.image-files]\n'
        )
        results = judged(Path(), config)
        assert {result.verdict for result in results.values()} == {"passed"}, results

    def test_test_split_stays_and_shared_clips_are_counted(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        yolo()
        write(Path(), {"data.yaml": "names: [cone, helmet]\ntrain: a.txt\ntest: b.txt\n"})
        write(Path(), {"a.txt": "".join(f"./images/{name}\n" for name in NAMES[:9])})
        write(Path(), {"b.txt": "".join(f"./images/{name}\n" for name in NAMES[9:])})

        command("data.yaml", "--frame-pattern", PATTERN, "--train", "t.txt", "--val", "v.txt")

        out = capsys.readouterr().out
        assert "note: test stays as it is: 3 images, 1 clip shared with train and val" in out, out

    def test_one_folder_for_train_and_val(self, capsys: pytest.CaptureFixture[str]) -> None:
        yolo()
        write(Path(), {"data.yaml": "train: images\nval: images\nnames: [cone, helmet]\n"})

        command("data.yaml", "--frame-pattern", PATTERN, "--train", "t.txt", "--val", "v.txt")

        lists = [Path(name).read_text().split() for name in ("t.txt", "v.txt")]
        assert sorted([*lists[0], *lists[1]]) == sorted(f"./images/{name}" for name in NAMES)
        out = capsys.readouterr().out
        assert "note: 12 images of val are in an earlier split too, and counted once" in out
        assert "not listed" not in out

    @pytest.mark.parametrize("option", ["--images", "--classes"])
    def test_options_that_it_answers_itself(
        self, option: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        yolo()
        write(Path(), {"data.yaml": "train: images\nval: images\nnames: [cone, helmet]\n"})

        code = command(
            "data.yaml", option, "images", "--frame-pattern", PATTERN, "--train", "t.txt", "--val",
            "v.txt",
        )  # fmt: skip

        assert code != 0
        assert f"{option}: data.yaml says it itself; omit {option}" in capsys.readouterr().err


def test_list_for_yolo_begins_at_its_own_folder() -> None:
    """As training tools expect it: a line that begins with ./ is relative to the list."""
    command(yolo(), "--format", "yolo", *OUT, "--train", "train.txt", "--val", "out/val.txt")

    lines = (
        Path("train.txt").read_text().splitlines() + Path("out/val.txt").read_text().splitlines()
    )
    assert all(line.startswith(("./images/", "./../images/")) for line in lines)
    listed = [Path(line) for line in Path("train.txt").read_text().splitlines()]
    listed += [Path("out") / line for line in Path("out/val.txt").read_text().splitlines()]
    assert all(path.is_file() for path in listed)
    assert len(listed) == 12


def test_rest_of_a_cvat_file_stays() -> None:
    command(cvat(), "--format", "cvat", *OUT, "--train", "train.xml", "--val", "val.xml")

    for name in ("train.xml", "val.xml"):
        text = Path(name).read_text(encoding="utf-8")
        assert "<label><name>helmet</name></label>" in text
        assert '<attribute name="a">ä</attribute>' in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("labels",), "name the folder of the images: --images"),
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


def test_folder_of_labels_without_a_format(capsys: pytest.CaptureFixture[str]) -> None:
    code = command(yolo(), "--frame-pattern", PATTERN, "--train", "t.json", "--val", "v.json")

    assert code != 0
    message = "labels: expected a data.yaml or a file of labels; for a folder of labels, name their"
    assert message in capsys.readouterr().err


def test_several_folders_of_yolo_labels_are_one_list() -> None:
    for side, part in (("a", NAMES[:6]), ("b", NAMES[6:])):
        draw(Path(side, "images"), *part)
        files = {name.replace(".jpg", ".txt"): "0 .5 .5 .2 .2\n" for name in part}
        write(Path(side, "labels"), {"classes.txt": "cone\n", **files})

    code = command(
        "a/labels", "b/labels", "--format", "yolo", "--images", "a/images", "--images", "b/images",
        "--frame-pattern", PATTERN, "--train", "t.txt", "--val", "v.txt",
    )  # fmt: skip

    assert code == 0
    lines = [line for name in ("t.txt", "v.txt") for line in Path(name).read_text().split()]
    expected = [f"./a/images/{name}" for name in NAMES[:6]]
    assert sorted(lines) == sorted([*expected, *(f"./b/images/{name}" for name in NAMES[6:])])


def test_sequences_of_kitti_are_clips() -> None:
    """Labels of tracking name them, so that no pattern is needed."""
    for clip in ("0000", "0001", "0002"):
        draw(Path("frames", clip), "000000.png", "000001.png")
        line = "1 7 Car 0 0 -10 10 10 30 30 -1 -1 -1 -1000 -1000 -1000 -10\n"
        write(Path("label_02"), {f"{clip}.txt": line})

    code = command(
        "label_02", "--format", "kitti", "--images", "frames", "--train", "t.txt", "--val", "v.txt"
    )

    assert code == 0
    parts = [
        READERS["kitti"](
            SplitFiles(name="x", labels=Path("label_02"), images=Path("frames"), listed=Path(name))
        )
        for name in ("t.txt", "v.txt")
    ]
    assert [len(part.images) for part in parts] == [4, 2]
    assert [len(part.boxes) for part in parts] == [2, 1]
    clips = [{name[:4] for name in part.images.file_name} for part in parts]
    assert clips[0] | clips[1] == {"0000", "0001", "0002"}
    assert not clips[0] & clips[1]


def test_class_numbers_that_mean_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    for side, name in (("a", "cone"), ("b", "vest")):
        draw(Path(side, "images"), "x_1.jpg")
        write(Path(side, "labels"), {"classes.txt": f"{name}\n", "x_1.txt": "0 .5 .5 .2 .2\n"})

    code = command(
        "a/labels", "b/labels", "--format", "yolo", "--images", "a/images", "--images", "b/images",
        "--frame-pattern", PATTERN, "--train", "t.txt", "--val", "v.txt",
    )  # fmt: skip

    assert code != 0
    assert "b/labels: its classes are vest; those of a/labels are cone" in capsys.readouterr().err


def test_several_files_of_one_format_become_coco_only(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [_video(name) for name in ("drive", "yard", "roof")]
    sides = [option for name in ("drive", "yard", "roof") for option in ("--images", name)]

    code = command(*tasks, *sides, "--train", "t.xml", "--val", "v.xml")
    assert code != 0
    assert "--to-coco writes COCO files of them" in capsys.readouterr().err

    code = command(*tasks, *sides, "--to-coco", "--train", "t.json", "--val", "v.json")

    assert code == 0  # each task is a clip, which its file names
    parts = [json.loads(Path(name).read_text())["images"] for name in ("t.json", "v.json")]
    clips = [{image["clip"] for image in part} for part in parts]
    assert clips[0] | clips[1] == {"drive", "yard", "roof"}
    assert not clips[0] & clips[1]
    names = {image["file_name"] for part in parts for image in part}
    assert "drive/frame_000000.jpg" in names
    assert "note: file names are now relative to ." in capsys.readouterr().out


def _video(name: str) -> str:
    draw(Path(name), *(f"frame_{frame:06d}.jpg" for frame in range(3)))
    box = '<box frame="{}" outside="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    meta = (
        f"<meta><task><name>{name}</name><start_frame>0</start_frame><stop_frame>2</stop_frame>"
        "<labels><label><name>car</name></label></labels></task></meta>"
    )
    track = f'<track id="0" label="car">{box.format(0)}{box.format(2)}</track>'
    write(Path(), {f"{name}.xml": f"<annotations>{meta}{track}</annotations>"})
    return f"{name}.xml"


def test_labels_that_name_no_clips(capsys: pytest.CaptureFixture[str]) -> None:
    code = command(cvat(), "--images", "images", "--train", "t.xml", "--val", "v.xml")

    assert code != 0
    assert "cannot tell clips: detgate.toml does not exist" in capsys.readouterr().err


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

    assert "note: 1 image has no label file" in capsys.readouterr().out
