"""Images without labels, labels without images and shapes that are no boxes: none of it passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.record.report import RuleResult
from tests.judged import finding_lines, judged, measured
from tests.rules.split_files import judged_split
from tests.unit.label_files import READERS, draw, split, unlabelled, write

SPLIT = '[dataset.splits.train]\nannotations = "{labels}"\nimages = "images"\nformat = "{name}"\n'
RULES = """
[rules.image-files]
[rules.duplicate-ids]
[rules.dangling-annotations]
[rules.degenerate-boxes]
[rules.duplicate-boxes]
[rules.box-bounds]
[rules.box-format]
[rules.class-support]
min-boxes = 1
[rules.empty-gt-share]
max = 1
"""
# The rules that need neither the pixels of an image nor its size.
WITHOUT_IMAGE = ("duplicate-ids", "dangling-annotations", "degenerate-boxes", "duplicate-boxes")
ON_IMAGES = ("image-files",)


def judged_labels(
    folder: Path, name: str, labels: str = "labels", options: str = "", rules: str = RULES
) -> dict[str, RuleResult]:
    """The results on a split with these labels, by rule."""
    config = SPLIT.format(name=name, labels=labels) + options + rules
    return {item.partition("[")[0]: entry for item, entry in judged(folder, config).items()}


def verdicts(results: dict[str, RuleResult]) -> dict[str, list[str]]:
    """The rules by verdict."""
    collected: dict[str, list[str]] = {}
    for code, result in results.items():
        collected.setdefault(result.verdict, []).append(code)
    return collected


def object_of(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    box = f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


def voc(name: str, *objects: str, folder: str = "") -> str:
    size = "<size><width>100</width><height>50</height></size>"
    head = f"<folder>{folder}</folder><filename>{name}</filename>"
    return f"<annotation>{head}{size}{''.join(objects)}</annotation>"


BOX = object_of("cone", 10, 10, 20, 20)
YOLO = "0 .5 .5 .2 .2\n"
CSV = "ImageID,LabelName,XMin,XMax,YMin,YMax\n"


def labels_of(name: str, *images: str) -> dict[str, str]:
    """Label files of a format with a box on each image."""
    if name == "yolo":
        return {"labels/classes.txt": "cone", **{f"labels/{image}.txt": YOLO for image in images}}
    if name == "voc":
        return {f"labels/{image}.xml": voc(f"{image}.jpg", BOX) for image in images}
    return {"labels": CSV + "".join(f"{image},cone,.1,.2,.1,.2\n" for image in images)}


@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_labels_and_images_that_belong_together_pass(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    write(tmp_path, labels_of(name, "a", "b"))

    assert set(verdicts(judged_labels(tmp_path, name))) == {"passed"}


@pytest.mark.parametrize("options", ["", 'missing-labels = "background"\n'])
@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_a_split_without_any_label_passes_nothing(tmp_path: Path, name: str, options: str) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    files = labels_of(name)
    write(tmp_path, files or {"labels/readme.md": ""})

    results = judged_labels(tmp_path, name, options=options)

    assert set(verdicts(results)) == {"not-evaluated"}
    assert all("is it the right" in result.message for result in results.values())


@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_labels_of_another_folder_pass_nothing(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    write(tmp_path, labels_of(name, "x", "y"))

    results = judged_labels(tmp_path, name)

    assert set(verdicts(results)) == {"not-evaluated"}
    assert all("none of the 2 images" in result.message for result in results.values())


@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_images_without_labels(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path, labels_of(name, "a"))

    results = judged_labels(tmp_path, name)

    assert verdicts(results)["passed"] == [*ON_IMAGES]
    assert results["empty-gt-share"].verdict == "failed"  # it measures them itself
    support = results["class-support"]
    assert support.verdict == "not-evaluated"
    assert (support.looked_at, support.to_look_at, support.look_unit) == (1, 3, "images")
    assert support.left_out == ["2 images have no label file: b.jpg, c.jpg"]


@pytest.mark.parametrize(("allowed", "verdict"), [(1, "not-evaluated"), (2, "passed")])
def test_a_stated_number_of_them_may_be_allowed(tmp_path: Path, allowed: int, verdict: str) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path, labels_of("yolo", "a"))
    rules = f"[rules.class-support]\nmin-boxes = 1\nmax-unlabelled = {allowed}\n"
    rules += f"[rules.empty-gt-share]\nmax = 1\nmax-unlabelled = {allowed}\n"

    results = judged_labels(tmp_path, "yolo", rules=rules)

    assert results["class-support"].verdict == verdict
    share = results["empty-gt-share"]
    assert (share.verdict == "passed") == (verdict == "passed")
    if verdict == "passed":
        assert results["class-support"].left_out_allowed == 2


@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_where_a_missing_label_file_means_background(tmp_path: Path, name: str) -> None:
    """As Ultralytics takes it; a listed image that is missing is still missing."""
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path, labels_of(name, "a"))
    background = 'missing-labels = "background"\n'

    results = judged_labels(tmp_path, name, options=background)

    assert set(verdicts(results)) == {"passed"}
    assert measured(results["empty-gt-share"])["empty"] == 2
    write(tmp_path, {"list.txt": "a.jpg\nb.jpg\ngone.jpg\n"})
    listed = judged_labels(tmp_path, name, options=f'{background}list = "list.txt"\n')
    assert listed["class-support"].verdict == "not-evaluated"
    assert "1 listed image is missing: gone.jpg" in listed["class-support"].left_out


def test_the_note_on_background(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    write(tmp_path, labels_of("yolo", "a"))

    dataset = READERS["yolo"](split(tmp_path, background=True))

    assert dataset.notes == (
        "1 image without labels counts as images with nothing on them (missing-labels)",
    )
    assert unlabelled(dataset) == []


@pytest.mark.parametrize("name", ["yolo", "voc", "openimages"])
def test_labels_without_image(tmp_path: Path, name: str) -> None:
    """An image that was renamed: b.jpg is now c.jpg, so that one has no labels either."""
    draw(tmp_path / "images", "a.jpg", "B.png")
    write(tmp_path, labels_of(name, "a", "b"))

    results = judged_labels(tmp_path, name)

    assert "passed" not in verdicts(results)
    support = results["class-support"]
    assert support.verdict == "not-evaluated"
    label = {"yolo": "b.txt", "voc": "b.xml", "openimages": "b"}[name]
    assert support.left_out[0] == (f"1 label belongs to a missing image: {label} (there is B.png)")
    assert measured(results["image-files"])["missing"] == 1


@pytest.mark.parametrize("name", ["yolo", "openimages"])
def test_labels_without_image_are_judged_as_shares(tmp_path: Path, name: str) -> None:
    """Two equal lines, and one without a height; good boxes of a missing image are good."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, labels_of(name, "a", "gone"))
    assert verdicts(judged_labels(tmp_path, name))["passed"] == list(WITHOUT_IMAGE)
    if name == "yolo":
        write(tmp_path, {"labels/gone.txt": YOLO + YOLO + "0 .5 .5 .2 0\n7 .1 .1 .1 .1\n"})
    else:
        line = "gone,cone,.1,.2,.1,.2\n"
        write(tmp_path, {"labels": f"{CSV}a,cone,.1,.2,.1,.2\n{line}{line}gone,cone,.1,.2,.3,.3\n"})

    results = judged_labels(tmp_path, name)

    assert results["duplicate-boxes"].verdict == "failed"
    assert measured(results["duplicate-boxes"])["count"] == 1
    assert results["degenerate-boxes"].verdict == "failed"
    assert measured(results["degenerate-boxes"])["count"] == 1
    assert finding_lines(results["degenerate-boxes"])[0].endswith("height 0")
    assert all(finding.box is None for finding in results["duplicate-boxes"].findings)
    if name == "yolo":
        assert results["dangling-annotations"].verdict == "failed"
    assert results["box-format"].verdict == "not-evaluated"


def test_images_that_cannot_be_opened(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    (tmp_path / "images" / "b.jpg").write_text("no image")
    write(tmp_path, labels_of("yolo", "a", "b"))

    results = judged_labels(tmp_path, "yolo")

    assert results["class-support"].left_out == ["1 image cannot be opened: b.jpg"]
    assert verdicts(results)["passed"] == list(WITHOUT_IMAGE)


def test_listed_images_in_several_folders(tmp_path: Path) -> None:
    """One frame name under two cameras: the list says which is meant, and its labels are read."""
    draw(tmp_path / "images", "camA/0.jpg", "camB/0.jpg")
    write(
        tmp_path,
        {
            "labels/classes.txt": "cone",
            "labels/camA/0.txt": YOLO,
            "labels/camB/0.txt": YOLO + YOLO,
            "val.txt": "/data/site/images/camB/0.jpg\n",
            "both.txt": "0.jpg\n",
        },
    )

    results = judged_labels(tmp_path, "yolo", options='list = "val.txt"\n')

    assert results["duplicate-boxes"].verdict == "failed"
    assert finding_lines(results["duplicate-boxes"])[0].startswith(
        "camB/0.jpg: annotation camB/0.txt:2"
    )
    ambiguous = judged_labels(tmp_path, "yolo", options='list = "both.txt"\n')
    assert set(verdicts(ambiguous)) == {"not-evaluated"}
    assert "both.txt: '0.jpg' may be any of 2 files: camA/0.jpg, camB/0.jpg" in (
        ambiguous["class-support"].message
    )


def test_voc_files_of_sub_folders_and_of_images_with_one_name(tmp_path: Path) -> None:
    """`<folder>` decides, or the folder that the file is in."""
    draw(tmp_path / "images", "camA/0.jpg", "camB/0.jpg", "camC/1.jpg")
    two = BOX + object_of("cone", 30, 10, 40, 20)
    write(
        tmp_path / "labels",
        {
            "first.xml": voc("0.jpg", BOX, folder="camB"),
            "camA/0.xml": voc("0.jpg", two, folder="VOC2012"),
            "deep/er/1.xml": voc("1.jpg", folder=""),
        },
    )

    dataset = READERS["voc"](split(tmp_path))

    assert dataset.images.file_name.tolist() == ["camA/0.jpg", "camB/0.jpg", "camC/1.jpg"]
    assert dataset.boxes_by_image().tolist() == [2, 1, 0]
    assert unlabelled(dataset) == []
    write(tmp_path / "labels", {"first.xml": voc("0.jpg", BOX, folder="VOC2012")})
    results = judged_labels(tmp_path, "voc")
    assert set(verdicts(results)) == {"not-evaluated"}
    assert "'0.jpg' may be any of 2 files" in results["class-support"].message


def test_two_label_files_of_one_image(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.xml": voc("a.jpg", BOX), "x/a.xml": voc("a.jpg", BOX)})

    message = judged_labels(tmp_path, "voc")["class-support"].message

    assert message.endswith("a.jpg has two labels, a.xml and x/a.xml")


def cvat(*shapes: str) -> str:
    names = "".join(f"<label><name>{name}</name></label>" for name in ("cone", "vest"))
    image = '<image id="{}" name="{}.jpg" width="100" height="50">{}</image>'
    images = "".join(image.format(index, index, shape) for index, shape in enumerate(shapes))
    return f"<annotations><meta><task><labels>{names}</labels></task></meta>{images}</annotations>"


def test_shapes_of_cvat_that_have_a_frame(tmp_path: Path) -> None:
    """A box of 20 × 10 around (50, 25): turned by 90 degrees it is 10 × 20; by 30 degrees it is
    20 cos 30° + 10 sin 30° = 22.32 wide and 20 sin 30° + 10 cos 30° = 18.66 high."""
    box = '<box label="cone" xtl="40" ytl="20" xbr="60" ybr="30" rotation="{}"/>'
    polygon = '<polygon label="vest" points="10,20;30,5.5;25,40"/>'
    shapes = (box.format(90), box.format(30), polygon, box.format(0), '<tag label="cone"/>')
    write(tmp_path, {"labels.xml": cvat(*shapes)})

    dataset = READERS["cvat"](split(tmp_path, "labels.xml"))

    expected: list[list[float]] = [
        [45, 15, 10, 20],
        [50 - 22.3205 / 2, 25 - 18.6603 / 2, 22.3205, 18.6603],
        [10, 5.5, 20, 34.5],
        [40, 20, 20, 10],
    ]
    np.testing.assert_allclose(dataset.boxes.xywh, expected, atol=1e-4)
    assert [dataset.classes[index] for index in dataset.boxes.category] == [
        "cone",
        "cone",
        "vest",
        "cone",
    ]
    assert dataset.gaps == ()
    assert dataset.notes == ("3 polygons and turned boxes are read as their frames",)
    assert dataset.empty_images().tolist() == [4]


@pytest.mark.parametrize(
    "shape",
    [
        '<mask label="cone" rle="1" left="1" top="1" width="5" height="5"/>',
        '<polyline label="cone" points="1,2;3,4"/>',
        '<ellipse label="cone" cx="1" cy="1" rx="1" ry="1"/>',
        '<points label="cone" points="1,2"/>',
        '<cuboid label="cone"/>',
        '<skeleton label="cone"/>',
        '<something-new label="cone"/>',
    ],
)
def test_an_image_with_any_other_shape_is_not_looked_at(tmp_path: Path, shape: str) -> None:
    box = '<box label="cone" xtl="40" ytl="20" xbr="60" ybr="30"/>'
    write(tmp_path, {"labels.xml": cvat(box, shape)})
    draw(tmp_path / "images", "0.jpg", "1.jpg")

    results = judged_labels(tmp_path, "cvat", "labels.xml")

    assert verdicts(results)["passed"] == [*ON_IMAGES]
    tag = shape[1:].partition(" ")[0]
    support = results["class-support"]
    assert (support.looked_at, support.to_look_at) == (1, 2)
    assert support.left_out[0].startswith(f"1 image has shapes that are no boxes (1 {tag}): 1.jpg")


def test_an_object_of_voc_that_is_no_box(tmp_path: Path) -> None:
    """A turned box of roLabelImg, its angle in radians, and a polygon have frames; a mask does
    not."""
    turned = "<robndbox><cx>50</cx><cy>25</cy><w>20</w><h>10</h><angle>1.5707963</angle></robndbox>"
    points = "<polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>5</x3><y3>8</y3></polygon>"
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    write(
        tmp_path / "labels",
        {
            "a.xml": voc(
                "a.jpg", *(f"<object><name>c</name>{s}</object>" for s in (turned, points))
            ),
            "b.xml": voc("b.jpg", "<object><name>c</name><mask/></object>"),
        },
    )

    dataset = READERS["voc"](split(tmp_path))

    np.testing.assert_allclose(dataset.boxes.xywh, [[45, 15, 10, 20], [1, 2, 8, 6]], atol=1e-5)
    assert [gap.kind for gap in dataset.gaps] == ["shapes-not-boxes"]
    assert dataset.notes[0] == "2 polygons and turned boxes are read as their frames"


def test_coco_without_annotations_has_unlabelled_images(tmp_path: Path) -> None:
    """Nobody has said that there is nothing on them: the list may have another name."""
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 1, "name": "cone"}],
        "annotationsx": [],
    }
    draw(tmp_path / "images", "a.jpg")

    for rule in ("duplicate-ids", "box-bounds", "box-format", "degenerate-boxes"):
        result = judged_split(tmp_path, f"[rules.{rule}]", content)
        assert result.verdict == "not-evaluated"
        assert result.left_out == [
            "1 image has no labels: the file has no list `annotations`: a.jpg"
        ]
    assert judged_split(tmp_path, "[rules.image-files]", content).verdict == "passed"
    content["annotations"] = []
    assert judged_split(tmp_path, "[rules.box-bounds]", content).verdict == "passed"


def test_other_files_among_the_images_of_a_split(tmp_path: Path) -> None:
    """Labels and what tools leave beside them are expected; a film is not."""
    draw(tmp_path / "images", "a.jpg")
    write(
        tmp_path,
        {
            "images/a.txt": YOLO,
            "images/train.cache": "",
            "images/README.roboflow.txt": "not a label",
            "images/data.yaml": "names: [cone]",
        },
    )
    assert set(verdicts(judged_labels(tmp_path, "yolo", "images"))) == {"passed"}
    write(tmp_path, {"images/film.mp4": ""})

    results = judged_labels(tmp_path, "yolo", "images")

    assert set(verdicts(results)) == {"not-evaluated"}
    allowed = judged_labels(tmp_path, "yolo", "images", "allow-other-files = true\n")
    assert set(verdicts(allowed)) == {"passed"}


def test_a_label_folder_behind_a_link_is_not_passed_over(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "sub/b.jpg")
    write(tmp_path, {**labels_of("yolo", "a"), "elsewhere/b.txt": YOLO})
    (tmp_path / "labels" / "sub").symlink_to(tmp_path / "elsewhere")

    results = judged_labels(tmp_path, "yolo")

    assert set(verdicts(results)) == {"not-evaluated"}
    assert "were not looked into: sub/ (a link to a folder)" in results["class-support"].message
    followed = judged_labels(
        tmp_path, "yolo", rules=RULES + '[dataset]\nfollow-links = ["elsewhere"]\n'
    )
    assert set(verdicts(followed)) == {"passed"}
