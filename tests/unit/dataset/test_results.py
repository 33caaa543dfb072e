"""Result files: matched by name where they carry names, refused by name where they do not fit."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.result_rows import read_result_rows
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text import json_arrays
from pytest_detgate.errors import DataError
from pytest_detgate.testing import coco_content
from tests.content import write_json


@pytest.fixture
def val(tmp_path: Path) -> Dataset:
    content = coco_content({"a.jpg": [], "b.jpg": []}, ["cone", "person"])
    return read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")


def detection(**fields: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5, **fields}


def test_plain_list_uses_the_ids_of_the_split(val: Dataset, tmp_path: Path) -> None:
    file = write_json(tmp_path / "r.json", [detection(image_id=2, category_id=2)])

    table = read_results(file, val)

    assert (table.image.tolist(), table.category.tolist()) == ([1], [1])
    assert table.classes == ("cone", "person")


def test_names_win_over_numbers_that_happen_to_agree(val: Dataset, tmp_path: Path) -> None:
    """Image 1 is b.jpg and category 1 is person in this file; in the split both are 2."""
    file = write_json(
        tmp_path / "r.json",
        {
            "images": [{"id": 1, "file_name": "b.jpg"}, {"id": 2, "file_name": "a.jpg"}],
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cone"}],
            "annotations": [detection()],
        },
    )

    table = read_results(file, val)

    assert table.image.tolist() == [1]
    assert table.classes[table.category[0]] == "person"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([detection(), detection(image_id=9)], "detection 1: image_id 9 is not an image of val"),
        ([detection(category_id=9)], "detection 0: category_id 9 is not a category of val"),
        (
            [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
            "has no `score`; expected image_id, category_id, bbox and scor",
        ),
        ({"annotations": [detection()], "images": []}, "image_id 1 is not among its images"),
        (
            {"annotations": [detection()], "images": [{"id": 1, "file_name": "aa.jpg"}]},
            "'aa.jpg' is not an image of val; did you mean 'a.jpg'?",
        ),
        (
            {"annotations": [], "categories": [{"id": 1, "name": "persons"}]},
            "class 'persons' is not a class of val; did you mean 'person'?",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    val: Dataset, tmp_path: Path, content: Any, expected: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_results(write_json(tmp_path / "r.json", content), val)

    assert expected in str(caught.value)


@pytest.mark.parametrize("literal", ["NaN", "Infinity"])
def test_score_that_is_no_number(val: Dataset, tmp_path: Path, literal: str) -> None:
    text = json.dumps([detection()]).replace("0.5", literal)
    (tmp_path / "r.json").write_text(text)

    with pytest.raises(DataError, match=r"detection 0: score .* is not finite"):
        read_results(tmp_path / "r.json", val)


@pytest.mark.parametrize("field", ["image_id", "category_id"])
def test_an_id_that_is_no_id_has_its_place(val: Dataset, tmp_path: Path, field: str) -> None:
    cases = (
        (1.5, "is 1.5; expected a whole number or text"),
        (None, "is null; expected a number or text"),
    )
    for value, what in cases:
        rows = [detection(), detection(**{field: value})]
        for content in (rows, {"annotations": rows}):
            file = write_json(tmp_path / "r.json", content)

            with pytest.raises(DataError) as caught:
                read_results(file, val)

            assert str(caught.value) == f"{file}: detection 1: {field} {what}"


def test_file_names_count_where_every_detection_has_one(tmp_path: Path) -> None:
    """The second of two lacks its name, so that the ids decide."""
    named, bare = detection(file_name="a.jpg"), detection()

    for rows, names in (([named, named], ["a.jpg", "a.jpg"]), ([named, bare], None)):
        read = read_result_rows(msgspec.Raw(json.dumps(rows).encode()), tmp_path / "r.json")
        assert (None if read.file_name is None else read.file_name.tolist()) == names


@pytest.mark.parametrize("piece", [1, 1 << 18])
def test_class_names_count_where_every_detection_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """As SAHI writes them."""
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    named, bare = detection(category_name="cone"), detection()

    for rows, names in (([named, named], ["cone", "cone"]), ([named, bare], None)):
        read = read_result_rows(msgspec.Raw(json.dumps(rows).encode()), tmp_path / "r.json")
        assert (None if read.category_name is None else read.category_name.tolist()) == names


def test_folder_probe_needs_names(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "f.jpg").touch()
    probe = read_folder(tmp_path / "frames", "probe")

    with pytest.raises(DataError, match="is a folder, so its images have no ids"):
        read_results(write_json(tmp_path / "r.json", [detection()]), probe)

    named = {
        "annotations": [detection(image_id="f.jpg")],
        "categories": [{"id": 1, "name": "cone"}],
    }
    assert read_results(write_json(tmp_path / "r.json", named), probe).image.tolist() == [0]
    # A detector of two classes whose file lists one of them is not known to have looked for both.
    part = read_results(write_json(tmp_path / "r.json", named), probe, ["person", "cone"])
    lacking = [gap for gap in part.gaps if gap.kind == "classes-without-detections"]
    assert [entry.examples for entry in lacking] == [("person",)]


# Ids of all kinds, and text in which a cut between objects would be wrong.
ODD = [
    detection(bbox=[1, 2.5, 3e1, 4], note="}, {", extra=[{"a": 1}, {"b": '\\"}, {'}]),
    detection(image_id="2", category_id="2", segmentation=[[1, 2, 3, 4]], score=1),
    detection(image_id=2, note="ü\u2028, NaN, "),
]
NAMED = {
    "info": {"description": "a } , { [text]"},
    "images": [{"id": 1, "file_name": "b.jpg"}, {"id": 2, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cone"}],
}
FORMS = pytest.mark.parametrize("named", [False, True], ids=["list", "dictionary"])
PIECES = pytest.mark.parametrize("piece", [1, 10, 40, 1 << 18])


def text_of(detections: list[dict[str, Any]], named: bool) -> str:
    content = {**NAMED, "annotations": detections} if named else detections
    return json.dumps(content, ensure_ascii=False)


def message_about(file: Path, text: str | bytes, dataset: Dataset) -> str:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError) as caught:
        read_results(file, dataset)
    prefix = f"{file}: "
    assert str(caught.value).startswith(prefix)
    return str(caught.value)[len(prefix) :]


@FORMS
@PIECES
def test_pieces_change_nothing(
    val: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, named: bool
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    (tmp_path / "r.json").write_text(text_of(ODD * 4, named), encoding="utf-8")

    table = read_results(tmp_path / "r.json", val)

    # By name, image 1 and class 1 of the dictionary are the second ones of the split.
    assert table.image.tolist() == ([1, 0, 0] if named else [0, 1, 1]) * 4
    assert [table.classes[index] for index in table.category] == (
        ["person", "cone", "person"] if named else ["cone", "person", "cone"]
    ) * 4
    assert table.xywh.tolist() == [[1, 2.5, 30, 4], [1, 2, 3, 4], [1, 2, 3, 4]] * 4
    assert table.score.tolist() == [0.5, 1, 0.5] * 4


@FORMS
@PIECES
def test_every_prefix_is_one_error(
    val: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, named: bool
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    whole = text_of(ODD, named).encode()

    for length in range(len(whole)):
        message_about(tmp_path / "r.json", whole[:length], val)


@FORMS
def test_every_single_byte_changed_is_read_or_one_error(
    val: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", 1)
    whole = text_of(ODD, named).encode()
    for number in range(len(whole)):
        for byte in b'\xff\x00"}]9':
            (tmp_path / "r.json").write_bytes(whole[:number] + bytes([byte]) + whole[number + 1 :])
            # Any other exception fails the test.
            with contextlib.suppress(DataError):
                read_results(tmp_path / "r.json", val)


@pytest.mark.parametrize("detections", [[], [detection()]], ids=len)
@pytest.mark.parametrize("space", ["", " \n"])
@FORMS
def test_few_detections_and_space_around_them(
    val: Dataset, tmp_path: Path, detections: list[Any], space: str, named: bool
) -> None:
    text = text_of(detections, named).replace("[]", "[ ]")
    (tmp_path / "r.json").write_text(f"{space}{text}{space}")

    table = read_results(tmp_path / "r.json", val)

    assert table.xywh.shape == (len(detections), 4)
    assert table.image.tolist() == [1 if named else 0] * len(detections)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("image_id", 5.5, "image_id is 5.5; expected a whole number or text"),
        ("category_id", None, "category_id is null; expected a number or text"),
        ("bbox", [1, 2, 3], "bbox: expected 4 values"),
        ("bbox", [1, 2, True, 4], "bbox[2] is true or false; expected a number"),
        ("bbox", None, "bbox is null; expected [x, y, width, height]"),
        ("score", "0.5", "score: expected a number, found the text '0.5'"),
    ],
)
@FORMS
def test_wrong_value_far_into_the_file_has_its_place(
    val: Dataset, tmp_path: Path, named: bool, field: str, value: Any, expected: str
) -> None:
    detections = [detection() for _ in range(10_000)]
    detections[7_000][field] = value

    message = message_about(tmp_path / "r.json", text_of(detections, named), val)

    assert message == f"detection 7000: {expected}"


@FORMS
def test_a_number_that_no_float_holds(val: Dataset, tmp_path: Path, named: bool) -> None:
    detections = [detection(score=0.25) for _ in range(3)]
    text = text_of(detections, named).replace("0.25", "1e400", 1)

    message = message_about(tmp_path / "r.json", text, val)

    assert message == "detection 0: score: a number is too large"


@FORMS
def test_value_that_is_not_finite_far_into_the_file(
    val: Dataset, tmp_path: Path, named: bool
) -> None:
    detections = [detection() for _ in range(10_000)]
    detections[7_000]["bbox"] = [1, float("nan"), float("-inf"), 4]
    detections[8_000]["bbox"] = [float("inf"), 2, 3, 4]

    message = message_about(tmp_path / "r.json", text_of(detections, named), val)

    wrong = "detection 7000: bbox [1.0, nan, -inf, 4.0] is not finite"
    assert message == f"{wrong} (and 1 more detection)"


def test_the_first_of_several_mistakes_is_named(val: Dataset, tmp_path: Path) -> None:
    """In the order of the file, although long arrays are decoded after the rest of it."""
    file = {"annotations": [detection(), detection(score=None)], "categories": [{"id": 1}]}

    message = message_about(tmp_path / "r.json", json.dumps(file), val)
    of_list = message_about(tmp_path / "r.json", json.dumps(file["annotations"])[:-1], val)

    assert message == "detection 1: score is null; expected a number"
    assert of_list == message


def test_digest_is_that_of_the_file_as_it_stands(val: Dataset, tmp_path: Path) -> None:
    """The literal, in a field that nobody asks for, is put in quotes only to read it."""
    content = b"\n" + json.dumps([detection(area=float("nan"))]).encode()
    (tmp_path / "r.json").write_bytes(content)

    table = read_results(tmp_path / "r.json", val)

    assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert table.score.tolist() == [0.5]
