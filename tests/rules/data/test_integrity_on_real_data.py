"""What the integrity rules find in real data sets: the counts of their SOURCE.md, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.record.report import RuleResult
from tests.judged import judged, measured

pytestmark = pytest.mark.shared

INTEGRITY = """
[rules.duplicate-ids]
[rules.dangling-annotations]
[rules.degenerate-boxes]
[rules.box-bounds]
[rules.box-format]
[rules.duplicate-boxes]
[rules.image-files]
"""


def integrity(
    folder: Path, annotations: Path, images: Path, more: str = ""
) -> dict[str, RuleResult]:
    """Results by rule on one split."""
    split = f'[dataset.splits.x]\nannotations = "{annotations}"\nimages = "{images}"\n{more}\n'
    results = judged(folder, split + INTEGRITY)
    return {item.removesuffix("[x]"): result for item, result in results.items()}


def counts(results: dict[str, RuleResult]) -> dict[str, float]:
    """What was found, by rule, where something was."""
    assert all(result.verdict != "not-evaluated" for result in results.values())
    listed = {code: measured(result)["count"] for code, result in results.items()}
    return {code: count for code, count in listed.items() if count}


@pytest.mark.parametrize(("split", "n"), [("train2017", 32), ("val2017", 6)])
def test_tiny_coco_is_clean(tmp_path: Path, shared_data: Path, split: str, n: int) -> None:
    base = shared_data / "tiny-coco"
    file = base / "annotations" / f"instances_{split}.json"

    results = integrity(tmp_path, file, base / "images" / split)

    assert {result.verdict for result in results.values()} == {"passed"}
    assert measured(results["image-files"])["images"] == n


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        ("coco_format_v1/instances_default.json", ""),
        ("coco_format_v2/instances_v2.json", ""),
        ("pascalvoc_format", 'format = "voc"'),
        ("cvat_format/annotations.xml", 'format = "cvat"'),
        ("openimages_format/all_bounding_boxes.csv", 'format = "openimages"'),
        ("yolo_format/obj_train_data", 'format = "yolo"'),
    ],
)
def test_voc100_is_clean_in_every_format(
    tmp_path: Path, shared_data: Path, labels: str, more: str
) -> None:
    base = shared_data / "formats-voc100"

    results = integrity(tmp_path, base / "gts" / labels, base / "images", more)

    assert {result.verdict for result in results.values()} == {"passed"}
    assert measured(results["degenerate-boxes"])["boxes"] == 273


def test_bccd_has_two_boxes_without_area(tmp_path: Path, shared_data: Path) -> None:
    base = shared_data / "bccd"

    results = integrity(tmp_path, base / "Annotations", base / "JPEGImages", 'format = "voc"')

    assert counts(results) == {"degenerate-boxes": 2}
    no_size = "width 0 and height 0"
    assert [
        (finding.image, finding.label, finding.text)
        for finding in results["degenerate-boxes"].findings
    ] == [
        ("BloodImage_00338.jpg", "RBC", f"annotation BloodImage_00338.jpg:13: {no_size}"),
        ("BloodImage_00343.jpg", "RBC", f"annotation BloodImage_00343.jpg:4: {no_size}"),
    ]


def test_bccd_has_seven_images_with_doubles_at_a_lower_iou(
    tmp_path: Path, shared_data: Path
) -> None:
    base = shared_data / "bccd"
    split = (
        f'[dataset.splits.x]\nannotations = "{base / "Annotations"}"\n'
        f'images = "{base / "JPEGImages"}"\nformat = "voc"\n'
    )

    results = judged(tmp_path, split + "[rules.duplicate-boxes]\niou = 0.9")

    images = {finding.image for finding in results["duplicate-boxes[x]"].findings}
    assert len(images) == 7
    assert {"BloodImage_00403.jpg", "BloodImage_00104.jpg"} < images


def test_taco_official(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "taco-json" / "annotations.json"

    results = integrity(tmp_path, file, file.parent)

    assert counts(results) == {"duplicate-ids": 2, "box-bounds": 6, "image-files": 1500}
    assert measured(results["box-bounds"])["wholly"] == 0
    ids = [finding.text.split()[2] for finding in results["duplicate-ids"].findings]
    assert ids == ["309", "4040"]
    outside = {finding.text.split(":")[0] for finding in results["box-bounds"].findings}
    assert {"annotation 371", "annotation 387", "annotation 707"} < outside


def test_taco_unofficial(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "taco-json" / "annotations_unofficial.json"

    results = integrity(tmp_path, file, file.parent)

    assert counts(results) == {
        "degenerate-boxes": 15,
        "box-bounds": 22,
        "box-format": 5,
        "duplicate-boxes": 1,
        "image-files": 3831,
    }
    assert measured(results["degenerate-boxes"])["not_finite"] == 15
    assert measured(results["box-bounds"])["wholly"] == 8
    assert measured(results["box-format"])["areas"] == 5
    wholly = [finding.text for finding in results["box-bounds"].findings[:8]]
    assert all("is wholly outside" in text for text in wholly)
    assert any(text.startswith("annotation 1422: [8176.14") for text in wholly)


def test_css_ppe_small_boxes_are_no_error(tmp_path: Path, shared_data: Path) -> None:
    """28 + 10 + 50 boxes are smaller than 4 pixels on a side. The two doubled lines are found, and
    three people whose box is also that of a missing vest."""
    base = shared_data / "css-ppe"
    collected, small = {}, 0
    for split in ("train", "valid", "test"):
        more = f'format = "yolo"\nclasses = "{base / "data.yaml"}"'
        results = integrity(tmp_path, base / split / "labels", base / split / "images", more)
        collected[split] = counts(results)
        small += sum(
            1
            for path in (base / split / "labels").glob("*.txt")
            for line in path.read_text().splitlines()
            if min(map(float, line.split()[3:])) * 640 < 4
        )
        if split == "train":
            doubles = results["duplicate-boxes"]

    assert small == 88
    assert collected == {"train": {"duplicate-boxes": 2}, "valid": {}, "test": {}}
    assert measured(doubles)["two_classes"] == 3
    assert [
        finding.image.split("_jpg.rf.")[0] for finding in doubles.findings[3:] if finding.image
    ] == [
        "004720",
        "construction-813-",
    ]
