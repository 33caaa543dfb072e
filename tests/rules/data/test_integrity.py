"""Rules on integrity, on files small enough to be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.judged import judged, measured
from tests.rules.split_files import judged_split, split_file

INTEGRITY = (
    "duplicate-ids",
    "dangling-annotations",
    "degenerate-boxes",
    "box-bounds",
    "box-format",
    "duplicate-boxes",
    "image-files",
)


@pytest.mark.parametrize("code", INTEGRITY)
def test_split_without_images_is_not_evaluated(tmp_path: Path, code: str) -> None:
    result = judged_split(tmp_path, f"[rules.{code}]", split_file({}))

    assert result.verdict == "not-evaluated"
    assert result.message == "train has no images (train.json)"


@pytest.mark.parametrize("code", INTEGRITY)
def test_max_allows_what_is_known(tmp_path: Path, code: str) -> None:
    """Two images of one name and id, and one odd box of each kind: `max` is high enough."""
    content = split_file({"a.jpg": [("cone", 500, 10, 0, 5), ("cone", 0, 0, 250, 5)]})

    result = judged_split(tmp_path, f"[rules.{code}]\nmax = 9", content)

    assert result.verdict == "passed"


@pytest.mark.parametrize("code", INTEGRITY)
def test_a_file_cut_off_is_not_evaluated(tmp_path: Path, code: str) -> None:
    result = judged_split(tmp_path, f"[rules.{code}]", '{"images": [')

    assert result.verdict == "not-evaluated"
    assert "train.json: cut off at line 1" in result.message


def test_every_kind_of_repeated_id(tmp_path: Path) -> None:
    """Image id 1 stands for two files, b.jpg is listed three times, annotation 7 is two."""
    content: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "a.jpg"},
            {"id": "1", "file_name": "b.jpg"},
            {"id": 2, "file_name": "b.jpg"},
            {"id": 3, "file_name": "b.jpg"},
        ],
        "categories": [{"id": 1, "name": "cone"}, {"id": 1, "name": "vest"}],
        "annotations": [
            {"id": own, "image_id": image, "category_id": 1, "bbox": [1, 1, 5, 5]}
            for own, image in ((7, 2), (8, 2), (7, 3), (None, 3), (None, 3))
        ],
    }

    result = judged_split(tmp_path, "[rules.duplicate-ids]", content)

    assert measured(result) == {
        "count": 4,
        "image_ids": 1,
        "category_ids": 1,
        "class_names": 0,
        "file_names": 1,
        "annotation_ids": 1,
        "near_names": 0,
    }
    assert [(finding.image, finding.text) for finding in result.findings] == [
        ("a.jpg", "image id 1 is used twice: a.jpg, b.jpg"),
        (None, "category id 1 is used twice: cone, vest"),
        ("b.jpg", "the file is listed 3 times"),
        ("b.jpg", "annotation id 7 is used twice"),
    ]


def test_dangling_annotations_name_what_is_missing(tmp_path: Path) -> None:
    """Categories first: one that is missing is one thing to mend for all its boxes."""
    content = split_file({"a.jpg": [("cone", 1, 1, 5, 5)] * 4})
    content["annotations"][0]["image_id"] = 9
    content["annotations"][2]["category_id"] = "vest"
    content["annotations"][3].update(image_id="x", category_id=4)

    result = judged_split(tmp_path, "[rules.dangling-annotations]", content)

    assert measured(result) == {"count": 3, "of_categories": 2, "of_images": 2, "annotations": 4}
    assert [(finding.image, finding.text) for finding in result.findings] == [
        ("a.jpg", "annotation 3: category 'vest' not listed"),
        (None, "annotation 4: category 4 and image 'x' not listed"),
        (None, "annotation 1: image 9 not listed"),
    ]


@pytest.mark.parametrize(
    ("field", "what", "moved"),
    [("category_id", "classes", 1), ("category_id", "classes", -1), ("image_id", "images", 1)],
)
def test_ids_that_are_all_off_by_one(tmp_path: Path, field: str, what: str, moved: int) -> None:
    content = split_file({"a.jpg": [("cone", 1, 1, 5, 5), ("vest", 20, 1, 5, 5)],
                          "b.jpg": [("cone", 1, 1, 5, 5)]})  # fmt: skip
    for annotation in content["annotations"]:
        annotation[field] += moved

    result = judged_split(tmp_path, "[rules.dangling-annotations]", content)

    assert result.message == (
        f"{measured(result)['count']:.0f} of 3 annotations refer{'' if moved < 0 else 's'} to an "
        "image or category that is not listed; likely cause: the annotations number the "
        f"{what} from {1 + moved}, the list from 1"
    )


def test_degenerate_boxes_say_why(tmp_path: Path) -> None:
    text = """{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "c"}],
        "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 0, -2]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [Infinity, 5, 1, 1]},
        {"id": 3, "image_id": 1, "category_id": 1, "bbox": [5, 5, 0.001, 1]},
        {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1e308, 1e308, 1, 1]},
        {"image_id": 1, "category_id": 1, "bbox": [5, NaN, 1, 1]}]}"""

    result = judged_split(tmp_path, "[rules.degenerate-boxes]", text)

    assert measured(result) == {"count": 3, "not_finite": 2, "boxes": 5}
    assert [finding.text for finding in result.findings] == [
        "annotation 2: [inf, 5, 1, 1] is not finite",
        "annotation number 5, which has no id: [5, nan, 1, 1] is not finite",
        "annotation 1: width 0 and height -2",
    ]


@pytest.mark.parametrize(
    ("box", "count", "wholly"),
    [
        pytest.param((0, 0, 200, 100), 0, 0, id="whole image"),
        pytest.param((0, 0, 200.5, 100.5), 0, 0, id="at the tolerance"),
        pytest.param((0, 0, 200.6, 100), 1, 0, id="right"),
        pytest.param((0, 0, 20, 100.6), 1, 0, id="bottom"),
        pytest.param((-0.6, 0, 20, 20), 1, 0, id="left"),
        pytest.param((0, -0.6, 20, 20), 1, 0, id="top"),
        pytest.param((200, 0, 20, 20), 1, 1, id="beside"),
        pytest.param((-30, 0, 30, 20), 1, 1, id="before"),
        pytest.param((0, 150, 20, 20), 1, 1, id="below"),
        pytest.param((30, 30, -40, 10), 1, 0, id="negative width reaches left"),
    ],
)
def test_bounds(
    tmp_path: Path, box: tuple[float, float, float, float], count: int, wholly: int
) -> None:
    result = judged_split(tmp_path, "[rules.box-bounds]", split_file({"a.jpg": [("cone", *box)]}))

    assert measured(result) == {"count": count, "wholly": wholly, "boxes": 1}


def test_bounds_farthest_first_and_unknown_sizes_fail(tmp_path: Path) -> None:
    content = split_file(
        {
            "a.jpg": [("cone", 0, 0, 210, 5), ("cone", 0, 0, 290, 5), ("cone", 300, 0, 5, 5)],
            "b.jpg": [("cone", 0, 0, 5, 5)],
        }
    )
    del content["images"][1]["height"]

    result = judged_split(tmp_path, "[rules.box-bounds]\nmax = 3", content)

    assert result.verdict == "failed"
    assert measured(result) == {"count": 3, "wholly": 1, "boxes": 4, "unsized": 1}
    assert [finding.text for finding in result.findings] == [
        "annotation 3: [300, 0, 5, 5] is wholly outside its 200 × 100 image",
        "annotation 2: [0, 0, 290, 5] is 90 px outside its 200 × 100 image",
        "annotation 1: [0, 0, 210, 5] is 10 px outside its 200 × 100 image",
        "annotation 4: the size of its image is not stated",
    ]


def test_doubles(tmp_path: Path) -> None:
    """On a.jpg three boxes of one group: 1 and 2 are the same, 3 is moved by 1 of 50: IoU 49/51 =
    0.961. The fourth is moved by 2: 48/52 = 0.923 from the first, but 0.961 from the third. On
    b.jpg the same box has two classes, twice over, and next to it a crowd of doubles."""
    content = split_file(
        {
            "a.jpg": [("cone", x, 10, 50, 50) for x in (10, 10, 11, 12)]
            + [("vest", 11, 10, 50, 51)],
            "b.jpg": [(name, 10, 10, 50, 50) for name in ("cone", "vest", "cone", "vest")],
            "c.jpg": [("cone", 10, 10, 50, 50)],
        }
    )
    content["annotations"] += [
        {"id": 20 + number, "image_id": 2, "category_id": 1, "bbox": [90, 10, 50, 50], "iscrowd": 1}
        for number in range(2)
    ]

    result = judged_split(tmp_path, "[rules.duplicate-boxes]", content)

    assert measured(result) == {"count": 5, "two_classes": 1, "boxes": 12}
    assert [finding.text for finding in result.findings] == [
        "annotation 7: 'vest' where annotation 6 says 'cone' (same box)",
        "annotation 2: duplicate of annotation 1 (IoU 1)",
        "annotation 3: duplicate of annotation 1 (IoU 0.961)",
        "annotation 4: duplicate of annotation 3 (IoU 0.961)",
        "annotation 8: duplicate of annotation 6 (IoU 1)",
        "annotation 9: duplicate of annotation 7 (IoU 1)",
    ]


def test_classes_that_may_overlap_are_allowed_apart(tmp_path: Path) -> None:
    content = split_file({"b.jpg": [("cone", 10, 10, 50, 50), ("vest", 10, 10, 50, 50)]})
    rule = "[rules.duplicate-boxes]\nmax-two-classes = 1"

    assert judged_split(tmp_path, rule, content).verdict == "passed"


def test_many_copies_of_one_box_cost_no_more_than_many_boxes(tmp_path: Path) -> None:
    """Compared each with each they would be 5 billion pairs."""
    content = split_file({"a.jpg": [("cone", 10, 10, 50, 50)] * 100_000})

    result = judged_split(tmp_path, "[rules.duplicate-boxes]", content)

    assert measured(result)["count"] == 99_999
    assert result.duration_s < 20


def test_findings_are_capped_and_counted(tmp_path: Path) -> None:
    content = split_file({"a.jpg": [("cone", 10, 10, 0, 50)] * 500})

    result = judged_split(tmp_path, "[rules.degenerate-boxes]", content)

    assert (len(result.findings), result.findings_total) == (200, 500)


def test_one_item_a_split(tmp_path: Path) -> None:
    splits = "".join(
        f'[dataset.splits.{name}]\nannotations = "{name}.json"\nimages = "images"\n'
        for name in ("train", "val")
    )
    results = judged(tmp_path, splits + '[rules.box-bounds]\n[rules.box-format]\nsplits = ["val"]')

    assert list(results) == ["box-bounds[train]", "box-bounds[val]", "box-format[val]"]
