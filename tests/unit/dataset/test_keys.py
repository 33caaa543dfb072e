"""Ids and names are equal where they mean the same, whoever wrote them."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of, near_clips
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.ids import repeated, repeated_rows, rows_of
from pytest_detgate.dataset.keys import (
    key,
    keys,
    near_class_key,
    near_class_rows,
    near_key,
    near_rows,
)
from pytest_detgate.dataset.tables import UNLISTED, object_column
from pytest_detgate.errors import DataError
from tests.content import write_json
from tests.judged import finding_lines, judged, measured
from tests.rules.split_files import judged_split

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "same",
    [
        [5, 5.0, "5", "5.0", "5.000", np.float64(5), np.int64(5)],
        [0, -0.0, "0", "-0.0"],
        [0.5, "0.5"],
        [2**53 + 1, str(2**53 + 1)],
        [True, "true", np.True_],
        [False, "false", np.False_],
        [COMPOSED, DECOMPOSED],
        ["a/b.jpg", "./a/b.jpg", "a//b.jpg", "a/./b.jpg", ".//a/b.jpg", "a\\b.jpg"],
        ["/srv/a.jpg", "//srv/./a.jpg"],
        ["a/b/c.0", ".//a\\b/c.0"],
    ],
    ids=str,
)
def test_equal(same: list[Any]) -> None:
    assert len(set(map(key, same))) == 1
    assert len(set(keys(object_column(same)))) == 1
    assert len(repeated_rows(object_column(same))) == 1
    first = object_column(same[:1])
    assert rows_of(object_column(same), first).tolist() == [0] * len(same)


@pytest.mark.parametrize(
    "different",
    [
        ["5", "05", " 5", "5.", "+5", 5.5, -5, "5.05", "v5.0"],
        [1, True, "True", 0, False, "False"],
        ["a.jpg", "A.jpg", "a.jpg ", "sub/a.jpg", "../a.jpg", "/a.jpg", "a.jpg/x", ".a.jpg"],
        ["x./a", "x/a", "x/.a"],
        [2**53, 2**53 + 1],
        ["a", "b\0", "b"],
        ["", "./", "/./"],
    ],
    ids=str,
)
def test_different(different: list[Any]) -> None:
    assert len(set(map(key, different))) == len(different)
    assert keys(object_column(different)) == list(map(key, different))
    assert repeated(object_column(different)) == []
    column = object_column(different)
    assert rows_of(column, column).tolist() == list(range(len(different)))


def test_none_and_nan_are_no_ids() -> None:
    column = object_column([None, float("nan"), "a", None])

    assert keys(column) == [None, None, "a", None]
    assert rows_of(column, column).tolist() == [UNLISTED, UNLISTED, 2, UNLISTED]
    assert repeated(column) == []


def test_whole_columns_and_single_values_have_the_same_keys() -> None:
    values = [*range(-3, 3), 1.5, "a//b", "a", COMPOSED, DECOMPOSED, None, True]
    for some in (values, values[:6], ["a", "b/c"], ["a", "./b"], [DECOMPOSED, "b"], [1, "1"]):
        assert keys(some) == list(map(key, some))
    assert keys(np.arange(3)) == ["0", "1", "2"]
    assert keys(["5.0", "7", "8.10"]) == ["5", "7", "8.10"]
    assert keys(["7", "5.0"]) == keys(["5.0", "7"])[::-1] == ["7", "5"]
    assert keys(["5.0"]) == ["5"]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["a.jpg", "A.JPG", "b.jpg", "a.Jpg"], [[0, 1, 3]]),
        (["a.jpg", "a.jpg "], [[0, 1]]),
        (["a b.jpg", "ab.jpg", "c / d.jpg", "c/d.jpg"], [[2, 3]]),
        (["sub\\a.jpg", "sub/a.jpg", "SUB/a.jpg"], [[0, 2]]),
        (["Straße", "STRASSE", "ﬁre", "fire"], [[0, 1], [2, 3]]),
        # One and the same name is no near name.
        (["a.jpg", "a.jpg", "./a.jpg", COMPOSED, DECOMPOSED], []),
        (["A.jpg", "A.jpg", "B.jpg"], []),
        (["helmet", "Helmet ", "vest", None], [[0, 1]]),
        (["x\0y", "x", "y", "X\0Y"], [[0, 3]]),
        (["x\0y", "X", "x"], [[1, 2]]),
        (["a.jpg\t\n\r\v\f", "a.jpg"], [[0, 1]]),
        ([" a / b ", "a/b"], [[0, 1]]),
        (["ya\u200brd", "yard", "\ufeffyard", "ya\u00adrd"], [[0, 1, 2, 3]]),
        ([], []),
    ],
)
def test_near_names(names: list[str | None], groups: list[list[int]]) -> None:
    assert near_rows(keys(names)) == groups
    # Together with names that cannot be looked at in one go.
    assert near_rows(keys([*names, "é", " z"])) == groups
    assert near_rows(keys([*names, "Q1", "Q2"])) == groups


def test_near_key_keeps_what_names_differ_in() -> None:
    assert near_key("Cam1/a.jpg") == near_key(" cam1 / A.JPG") == near_key("cam1\\a.jpg")
    assert len(set(map(near_key, ["a1", "a2", "a 1", "a-1"]))) == 4


def test_names_of_classes_are_near_without_their_signs() -> None:
    names = ["hard hat", None, "vest", "Hard_hat", None, "hard-hat", "vests"]

    assert near_class_rows(names) == [[0, 3, 5]]


IMAGES = [{"id": 1.0, "file_name": "./a.jpg"}, {"id": "2", "file_name": DECOMPOSED}]


def coco(**changes: Any) -> dict[str, Any]:
    box = {"id": 1, "image_id": 2.0, "category_id": "7", "bbox": [1, 1, 5, 5]}
    return {
        "images": IMAGES,
        "categories": [{"id": 7.0, "name": "cone"}],
        "annotations": [box],
        **changes,
    }


@pytest.mark.parametrize(
    "results",
    [
        [{"image_id": "1", "category_id": 7.0}, {"image_id": 2.0, "category_id": "7"}],
        {
            "images": [{"id": 10.0, "file_name": "a.jpg"}, {"id": "x", "file_name": COMPOSED}],
            "categories": [{"id": 3.0, "name": "cone"}],
            "annotations": [
                {"image_id": "10", "category_id": 3},
                {"image_id": "x", "category_id": "3"},
            ],
        },
    ],
    ids=["list", "dictionary"],
)
def test_results_and_truth_mean_the_same_images_and_classes(tmp_path: Path, results: Any) -> None:
    for row in results if isinstance(results, list) else results["annotations"]:
        row.update(bbox=[1, 1, 5, 5], score=0.5)
    truth = read_coco(write_json(tmp_path / "t.json", coco()), tmp_path, "val")

    table = read_results(write_json(tmp_path / "r.json", results), truth)

    assert truth.boxes.image.tolist() == [1]
    assert truth.boxes.category.tolist() == [0]
    assert table.image.tolist() == [0, 1]
    assert table.category.tolist() == [0, 0]


def test_a_category_id_that_is_no_id(tmp_path: Path) -> None:
    path = write_json(tmp_path / "t.json", coco(categories=[{"id": 7.5, "name": "cone"}]))

    with pytest.raises(DataError, match=r"whole number or text, got `7\.5` - at `\$\.categories"):
        read_coco(path, tmp_path, "val")


def test_names_that_are_one_are_found(tmp_path: Path) -> None:
    """`a.jpg` and `./a.jpg`, two forms of one accent, and what only looks alike."""
    names = ["a.jpg", "./a.jpg", COMPOSED, DECOMPOSED, "B.jpg", "b.JPG", "c.jpg"]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    content = {
        "images": images,
        "categories": [{"id": 1, "name": "helmet"}, {"id": 2, "name": "Helmet "}],
        "annotations": [],
    }

    result = judged_split(tmp_path, "[rules.duplicate-ids]\nmax = 2", content)

    assert result.verdict == "failed"
    assert {name: n for name, n in measured(result).items() if n} == {
        "count": 2,
        "near_names": 2,
        "file_names": 2,
    }
    assert finding_lines(result) == [
        "a.jpg: the file is listed twice: a.jpg, ./a.jpg",
        f"{COMPOSED}: the file is listed twice: {COMPOSED}, {DECOMPOSED}",
        "b.JPG: file 'b.JPG' differs from 'B.jpg' only in letter case or blanks",
        "None: class 'Helmet ' differs from 'helmet' only in letter case or blanks",
    ]
    allowed = judged_split(tmp_path, "[rules.duplicate-ids]\nmax = 2\nmax-near-names = 2", content)
    assert allowed.verdict == "passed"


def test_a_class_that_is_listed_twice(tmp_path: Path) -> None:
    categories = [{"id": number, "name": "cone"} for number in (1, 2)]
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": categories}

    result = judged_split(tmp_path, "[rules.duplicate-ids]", content)

    assert (result.verdict, measured(result)["class_names"]) == ("failed", 1)
    assert finding_lines(result) == ["None: class cone is listed twice"]


CLIPS = """
[dataset.splits.train]
annotations = "train.json"
images = "images"
[dataset.splits.val]
annotations = "val.json"
images = "images"
[rules.clip-overlap]
between = ["train", "val"]
clip-field = "video"
[rules.frame-distance]
between = ["train", "val"]
clip-field = "video"
frame-field = "frame"
within = 1
[rules.negative-diversity]
splits = ["train"]
clip-field = "video"
min-clips = 2
"""


def clip_files(folder: Path, train: list[Any], val: list[Any]) -> None:
    for name, clips in (("train", train), ("val", val)):
        images = [
            {"id": row, "file_name": f"{row}.jpg", "video": clip, "frame": 1}
            for row, clip in enumerate(clips)
        ]
        write_json(
            folder / f"{name}.json",
            {"images": images, "categories": [{"id": 1, "name": "cone"}], "annotations": []},
        )


@pytest.mark.parametrize(
    ("train", "val"), [(5, 5.0), (5, "5"), (DECOMPOSED, COMPOSED), ("a/b", "./a/b")]
)
def test_one_clip_written_in_two_ways_is_a_leak(tmp_path: Path, train: Any, val: Any) -> None:
    clip_files(tmp_path, [train, "other", train], [val])

    results = judged(tmp_path, CLIPS)

    assert measured(results["clip-overlap[train-val]"])["share"] == 1
    assert measured(results["frame-distance[train-val]"])["share"] == 1


def test_clips_that_differ_only_in_spelling_cannot_be_told_apart(tmp_path: Path) -> None:
    clip_files(tmp_path, ["north-a1", " North-A1"], ["NORTH-A1", "south"])

    results = judged(tmp_path, CLIPS)

    for item in ("clip-overlap[train-val]", "frame-distance[train-val]"):
        assert results[item].verdict == "failed"
        assert measured(results[item])["unparsed"] == 1
        assert finding_lines(results[item]) == [
            "0.jpg: its clip 'NORTH-A1' differs from ' North-A1' of train only in letter case or "
            "blanks, so it is unknown whether they are one"
        ]
    diversity = results["negative-diversity[train]"]
    assert (diversity.verdict, measured(diversity)["clips"]) == ("failed", 1)


def test_a_clip_that_a_table_had_no_value_for_cannot_be_told(tmp_path: Path) -> None:
    """pandas writes NaN where a number is missing: those images are no clip of their own."""
    image = '{"id": %d, "file_name": "%d.jpg", "video": %s}'
    images = ", ".join(image % (row, row, value) for row, value in enumerate(("5.0", "NaN")))
    (tmp_path / "t.json").write_text(f'{{"images": [{images}], "categories": []}}')
    dataset = read_coco(tmp_path / "t.json", tmp_path, "val", ["video"])

    clips = clips_of(dataset.images, ClipKey(field="video"))

    assert clips.clip.tolist() == ["5", None]
    assert clips.unparsed.tolist() == [1]


@pytest.mark.parametrize("video", ["", " ", "\t"])
def test_a_clip_of_blank_text_cannot_be_told(tmp_path: Path, video: str) -> None:
    """A table that was exported has empty text where it had no value."""
    rows = [(1, "a_1.jpg", "a"), (2, f"{video}_2.jpg", video)]
    images = [{"id": row, "file_name": name, "video": clip} for row, name, clip in rows]
    write_json(tmp_path / "t.json", {"images": images, "categories": []})
    dataset = read_coco(tmp_path / "t.json", tmp_path, "val", ["video"])

    for how in (ClipKey(field="video"), ClipKey(re.compile(r"(?P<clip>\w*?|\s*)_"))):
        clips = clips_of(dataset.images, how)
        assert clips.clip.tolist() == ["a", None]
        assert clips.unparsed.tolist() == [1]


def test_near_clips_are_found_once_for_each_image() -> None:
    reference = object_column(["a", "b", None, "B "])
    tested = object_column(["A", "b", "A", None, "c"])

    assert near_clips(tested, reference) == {0: "a", 2: "a"}


def test_hyphens_and_underscores_are_blanks_in_class_names() -> None:
    names = [
        "Safety Vest",
        "cone",
        "safety-vest",
        None,
        "vest",
        "safety__vest",
        "safetyvest",
        "Cone",
    ]

    assert near_class_rows(names) == [[0, 2, 5], [1, 7]]
    assert near_class_rows(["cone", "cone", "vest"]) == []
    assert near_class_key(" Hard_hat-on ") == "hard hat on"
