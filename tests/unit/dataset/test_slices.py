"""Slices of a few images, worked out by hand."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.conditions import parse_condition
from pytest_detgate.dataset.slices import NO_SLICE, column, fields_in, names_in, slices_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from tests.content import write_json

PATTERN = re.compile(r"(?P<clip>[a-z]+)_(?P<frame>\w+)\.jpg")
BOX = {"category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}


def split(
    folder: Path, fields: Sequence[dict[str, Any]], boxes: Sequence[int] = (), *read: str
) -> Dataset:
    """Images a_0.jpg, a_1.jpg … with some fields and so many boxes, and those fields that are
    read."""
    images = [
        {"id": index, "file_name": f"a_{index}.jpg", "width": 10 * index + 10, "height": 5, **field}
        for index, field in enumerate(fields)
    ]
    rows = [image for image, count in enumerate(boxes) for _ in range(count)]
    annotations = [{"id": index, "image_id": image, **BOX} for index, image in enumerate(rows)]
    content = {"images": images, "categories": [{"id": 1, "name": "cone"}]}
    path = write_json(folder / "val.json", {**content, "annotations": annotations})
    return read_coco(path, folder, "val", read)


def by_field(folder: Path, *values: Any) -> tuple[tuple[str, ...], list[int]]:
    """The slices of images by the values of one field."""
    dataset = split(folder, [{"at": value} for value in values], (), "at")
    slices = slices_of(dataset, "at", None)
    return slices.labels, slices.of_image.tolist()


def test_values_that_are_equal_make_one_slice(tmp_path: Path) -> None:
    """5 and 5.0 are one, True and 1 are two; numbers come before texts, in order."""
    labels, of_image = by_field(tmp_path, 5, "dusk", 5.0, -2.5, 1, True, 10, "dawn")

    assert labels == ("at=-2.5", "at=1", "at=true", "at=5", "at=10", "at=dawn", "at=dusk")
    assert of_image == [3, 6, 3, 0, 1, 2, 4, 5]


@pytest.mark.parametrize(
    ("comparison", "value"),
    [
        ("at == 7", "7"), ("at == '7'", 7), ("at != 7", "7"), ("at == 7", 7.0), ("at == 7", "07"),
        ("at < 10", "7"), ("at >= '10'", 7), ("at == 1", True), ("'o' in at", "north"),
        ("at not in 'south'", "out"), ("at == 'e\u0301'", "\u00e9"), ("3 < at < 10", "7"),
    ],
)  # fmt: skip
def test_an_expression_compares_as_a_condition_does(
    tmp_path: Path, comparison: str, value: Any
) -> None:
    expected = parse_condition(comparison).holds({"at": value})
    dataset = split(tmp_path, [{"at": value}], (), "at")

    (label,) = slices_of(dataset, comparison, None).labels

    assert label == f"{comparison}={str(expected).lower()}"


def test_an_expression_that_cannot_compare_says_so(tmp_path: Path) -> None:
    dataset = split(tmp_path, [{"at": "dusk"}], (), "at")

    with pytest.raises(DataError, match="cannot be evaluated: 'dusk' and 10 cannot be compared"):
        slices_of(dataset, "at < 10", None)


def test_images_without_a_value_are_in_no_slice(tmp_path: Path) -> None:
    assert by_field(tmp_path, None, 7, None) == (("at=7",), [NO_SLICE, 0, NO_SLICE])


@pytest.mark.parametrize("by", ["at", "at + 1", "at == 2"])
def test_a_value_that_a_table_had_none_for_makes_no_slice(tmp_path: Path, by: str) -> None:
    """pandas writes NaN there; the image is in no slice, instead of in one of that name."""
    images = ", ".join(
        f'{{"id": {index}, "file_name": "{index}.jpg", "at": {value}}}'
        for index, value in enumerate(("NaN", "2"))
    )
    path = tmp_path / "nan.json"
    path.write_text(f'{{"images": [{images}], "categories": [], "annotations": []}}')
    dataset = read_coco(path, tmp_path, "val", ["at"])

    slices = slices_of(dataset, by, None)

    assert (len(slices.labels), slices.of_image.tolist()) == (1, [NO_SLICE, 0])


def test_texts_are_quoted_only_where_they_could_be_numbers(tmp_path: Path) -> None:
    assert by_field(tmp_path, "7", "x")[0] == ("at=7", "at=x")
    assert by_field(tmp_path, "7", 7, "x")[0] == ("at=7", "at='7'", "at='x'")
    assert by_field(tmp_path, "true", True, False)[0] == ("at=false", "at=true", "at='true'")


def test_one_text_in_two_forms_is_one_slice(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]

    assert by_field(tmp_path, *forms) == ((f"at={forms[0]}",), [0, 0])


def test_large_numbers_keep_their_digits_up_to_18(tmp_path: Path) -> None:
    largest = 10**18
    assert by_field(tmp_path, largest, -largest)[0] == (f"at={-largest}", f"at={largest}")
    assert by_field(tmp_path, 1e17, -1e17)[0] == (f"at={-(10**17)}", f"at={10**17}")
    assert by_field(tmp_path, 1e18, 2.5e30)[0] == ("at=1e+18", "at=2.5e+30")
    for value in (largest + 1, -largest - 1):
        with pytest.raises(DataError, match=r"^'at' has a value of more than 18 digits$"):
            by_field(tmp_path, value)


def test_what_is_neither_number_nor_text_makes_no_slice(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        by_field(tmp_path, ["x" * 200])
    assert str(caught.value) == f"'at' is neither a number nor text: ['{'x' * 78}..."
    with pytest.raises(DataError) as caught:
        by_field(tmp_path, ["x" * 76])
    assert str(caught.value) == f"'at' is neither a number nor text: ['{'x' * 76}']"
    dataset = split(tmp_path, [{"at": [1]}], (), "at")
    with pytest.raises(DataError, match=r"^'at \+ at' is neither a number nor text: \[1, 1\]$"):
        slices_of(dataset, "at + at", None)


def test_an_expression_that_cannot_be_evaluated_says_why(tmp_path: Path) -> None:
    """Nothing can be called, not even where a field has the name of a function."""
    dataset = split(tmp_path, [{"str": 1}], (), "str")

    for expression, why in (
        ("width + file_name", "unsupported operand"),
        ("str(width)", "Function 'str' not defined"),
    ):
        with pytest.raises(DataError) as caught:
            slices_of(dataset, expression, None)
        assert str(caught.value).startswith(f"{expression!r} cannot be evaluated: {why}")
    with pytest.raises(DataError, match=r"^'1 \+ 2' names no field of the images, so it makes no"):
        slices_of(dataset, "1 + 2", None)


def test_the_images_of_one_slice(tmp_path: Path) -> None:
    dataset = split(tmp_path, [{"at": "dusk"}, {"at": "noon"}, {"at": "dusk"}], (), "at")
    slices = slices_of(dataset, "at", None)

    assert slices.images("at=dusk").tolist() == [True, False, True]
    assert slices.images("at=noon").tolist() == [False, True, False]


def test_expressions_over_all_columns(tmp_path: Path) -> None:
    """Images of 10, 20 and 30 by 5 pixels with 0, 2 and 3 boxes."""
    dataset = split(tmp_path, [{}, {}, {}], (0, 2, 3))

    def rows_of_slices(expression: str) -> dict[str, list[int]]:
        slices = slices_of(dataset, expression, PATTERN)
        return {label: slices.images(label).nonzero()[0].tolist() for label in slices.labels}

    assert rows_of_slices(" width > 10 ") == {
        "width > 10=false": [0],
        "width > 10=true": [1, 2],
    }
    assert rows_of_slices("width / height") == {
        "width / height=2": [0],
        "width / height=4": [1],
        "width / height=6": [2],
    }
    assert rows_of_slices("boxes") == {"boxes=0": [0], "boxes=2": [1], "boxes=3": [2]}
    assert rows_of_slices("boxes + frame")["boxes + frame=5"] == [2]
    assert rows_of_slices("clip") == {"clip=a": [0, 1, 2]}
    assert rows_of_slices("'1' in file_name")["'1' in file_name=true"] == [1]
    assert rows_of_slices("frame")["frame=1"] == [1]


def test_a_number_of_slices_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_detgate.dataset.slices.MOST_SLICES", 2)

    assert len(by_field(tmp_path, 1, 2)[0]) == 2
    with pytest.raises(DataError, match=r"^'at' makes 3 slices, over 2$"):
        by_field(tmp_path, 1, 2, 3)


def test_sides_that_are_unknown_have_no_value(tmp_path: Path) -> None:
    dataset = split(tmp_path, [{"width": None}, {"height": None}, {}])

    assert column(dataset, "width", None) == [None, 20, 30]
    assert column(dataset, "height", None) == [5, None, 5]
    assert column(dataset, "file_name", None) == ["a_0.jpg", "a_1.jpg", "a_2.jpg"]


def test_the_pattern_comes_before_columns_and_frames_are_numbers(tmp_path: Path) -> None:
    dataset = split(tmp_path, [{}, {"file_name": "b_x.jpg"}, {"file_name": "photo.png"}])

    assert column(dataset, "clip", PATTERN) == ["a", "b", None]
    assert column(dataset, "frame", PATTERN) == [0, None, None]
    wide = re.compile(r"(?P<width>[a-z]+)")
    assert column(dataset, "width", wide) == ["a", "b", "photo"]


def test_a_field_that_no_image_has_names_those_there_are(tmp_path: Path) -> None:
    dataset = split(tmp_path, [{"weather": "rain", "not-a-name": 1}], (), "wether")

    with pytest.raises(DataError) as caught:
        slices_of(dataset, "wether", PATTERN)
    assert str(caught.value) == (
        "no image of val has the field 'wether'; did you mean 'weather'? (there is: file_name, "
        "width, height, boxes, clip, frame, id, weather)"
    )


@pytest.mark.parametrize("path", [None, "gone.json", "val.xml"])
def test_columns_are_named_where_no_file_tells_its_fields(tmp_path: Path, path: str | None) -> None:
    annotations = None if path is None else tmp_path / path
    dataset = dataclasses.replace(split(tmp_path, [{}]), annotations=annotations)

    with pytest.raises(DataError, match=r"\(there is: file_name, width, height, boxes\)$"):
        column(dataset, "weather", None)
    known = dataclasses.replace(dataset, known_fields=("weather", "site"))
    with pytest.raises(DataError, match=r"\(there is: .*, boxes, weather, site\)$"):
        column(known, "hour", None)


def test_names_in_an_expression() -> None:
    assert names_in(" width > height and width > at ") == ("width", "height", "at")
    assert fields_in("width > at and clip != site", PATTERN) == ("at", "site")
    assert fields_in("width > at and clip != site", None) == ("at", "clip", "site")


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(DataError, match=r"^'width >' is not an expression: invalid syntax$"):
        names_in("width >")
    with pytest.raises(DataError, match=r"^'width = 5' is not an expression: invalid syntax"):
        names_in("width = 5")
    long = "-" * 100_000 + "1"
    with pytest.raises(DataError) as caught:
        names_in(long)
    assert str(caught.value).startswith(f"'{'-' * 80}...' is not an expression: ")


def test_what_is_no_number_is_in_no_slice(tmp_path: Path) -> None:
    """Zero times infinity has no value, in an expression as in a field."""
    dataset = split(tmp_path, [{"at": 0.0}, {"at": 1.0}], (), "at")

    slices = slices_of(dataset, "at * 1e308 * 10 * 0", None)

    assert slices.of_image.tolist() == [0, NO_SLICE]
    assert slices.labels == ("at * 1e308 * 10 * 0=0",)
