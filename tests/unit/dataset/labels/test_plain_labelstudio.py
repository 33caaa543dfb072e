"""Tasks of Label Studio with boxes alone are read in a short way, which says what the long way
says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.dataset.labels.labelstudio.labelstudio_boxes import _MOST_FORMS, PlainTasks
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.exact_objects import has_no_more_keys
from pytest_detgate.errors import DataError
from tests.unit.dataset.labels.table_contents import table_contents
from tests.unit.label_files import READERS, draw, split


def result(**changes: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 20.5, "width": 30, "height": 40, "rotation": 0}
    return {
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": {**value, "rectanglelabels": ["helmet"]},
        "id": "r1",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
        **changes,
    }


def value(**changes: Any) -> dict[str, Any]:
    return result(value={**result()["value"], **changes})


def task(number: int, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As Label Studio exports one, with times and with what is not read."""
    annotation = {
        "id": number,
        "completed_by": 1,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-05-01T10:20:30.123456Z",
        "prediction": {},
        "parent_prediction": None,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "file_upload": f"0a1b2c3d-{number}.png",
        "drafts": [],
        "predictions": [],
        "data": {"image": f"/data/upload/1/0a1b2c3d-{number}.png", "site": "north"},
        "meta": {},
        "created_at": "2026-05-01T10:20:30.123456Z",
        **changes,
    }


def with_annotation(number: int, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = task(number, *results)
    made["annotations"][0] |= changes
    return made


POINTS = {"points": [[1, 2], [3, 4], [5, 0]], "polygonlabels": ["helmet"]}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": task(2, result(), value(x=0.5)),
    "no box": task(2),
    "no annotation": task(2, annotations=[]),
    "two annotations, one skipped": task(
        2, annotations=[*task(2, result())["annotations"], {"result": [], "was_cancelled": True}]
    ),
    "skipped": with_annotation(2, result(), was_cancelled=True),
    "a turned box": task(2, value(rotation=30)),
    "a polygon": task(2, result(type="polygonlabels", value=POINTS)),
    "an ellipse": task(2, value(radiusX=3, radiusY=4)),
    "points in a box": task(2, value(points=[[1, 2], [3, 4], [5, 0]])),
    "a choice": task(2, result(), result(type="choices", value={"choices": ["Rain"]}, id="r9")),
    "a mark of a box": task(2, result(), result(type="choices", value={"choices": ["occluded"]})),
    "a brush": task(2, result(type="brushlabels", value={"rle": [1]})),
    "no rotation": task(2, value()),
    "text for numbers": task(2, value(x="10")),
    "large numbers": task(2, value(x=10**12)),
    "other sizes": task(2, result(original_width=100), result(original_width=50)),
    "a score": task(2, result(score=0.5)),
    "a prediction": task(2, result(), predictions=[{"result": [result()]}]),
    "other data": task(2, result(), data={"img": "2.png", "n": 1, "no": None, "list": [1]}),
    "a colon": task(2, result(), data={"image": "2.png", "note": 'a": b'}),
    "two images": task(2, result(), data={"image": "2.png", "other": "3.png?d=1"}),
    "a relation": task(2, result(), {"type": "relation", "from_id": "r1", "to_id": "r2"}),
    "no number": {key: entry for key, entry in task(2, result()).items() if key != "id"},
}


def read(folder: Path, text: str) -> Dataset:
    draw(folder / "images", "1.png", "2.png", "3.png", size=(200, 100))
    (folder / "labels").write_text(text, encoding="utf-8")
    return READERS["labelstudio"](split(folder))


def tasks(second: Any) -> str:
    return json.dumps([task(1, result(), value(y=1)), second, task(3, result(id="x"))])


@pytest.mark.parametrize("name", VARIANTS)
def test_both_ways_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    short = table_contents("labelstudio", read(tmp_path, tasks(VARIANTS[name])))
    monkeypatch.setattr(PlainTasks, "read", lambda self, content: None)

    assert table_contents("labelstudio", read(tmp_path, tasks(VARIANTS[name]))) == short


@pytest.mark.parametrize("second_image", ["/data/upload/1/0a1b2c3d-3.PNG", "s3://a/3.png?key=1"])
def test_regions_on_two_images_of_a_task(tmp_path: Path, second_image: str) -> None:
    """Both would be boxes of the first image."""
    data = {"image": "2.png", "later": second_image}

    with pytest.raises(DataError, match=r"has regions on 2 images of a task \(image, later\)"):
        read(tmp_path, tasks(task(2, result(), result(to_name="later"), data=data)))


@pytest.mark.parametrize("names", [[""], [" "], ["\t"], [3], []])
def test_a_box_of_no_class_is_refused(tmp_path: Path, names: list[object]) -> None:
    with pytest.raises(DataError, match=r"labels: task 2\b.*rectanglelabels 1"):
        read(tmp_path, tasks(task(2, value(rectanglelabels=names))))


def test_tasks_of_many_forms_are_all_read(tmp_path: Path) -> None:
    """More kinds of tasks than are remembered; each has its own key, and one box."""
    count = _MOST_FORMS + 5
    draw(tmp_path / "images", *(f"{number}.png" for number in range(count)), size=(200, 100))
    text = json.dumps([task(n, result(), **{f"key{n}": 0}) for n in range(count)])
    (tmp_path / "labels").write_text(text, encoding="utf-8")

    dataset = READERS["labelstudio"](split(tmp_path))

    assert dataset.boxes.xywh.tolist() == [[20, 20.5, 60, 40]] * count


def test_what_a_plain_task_says() -> None:
    content = msgspec.Raw(json.dumps(task(7, result(), value(x=50, height=10))).encode())
    plain = PlainTasks()
    plain.learn(content)

    read_task = plain.read(content)

    assert read_task is not None
    number, _, size, start, count = read_task
    assert (number, size, start, count) == (7, (200, 100), 0, 2)
    boxes = plain.boxes()
    assert [boxes.classes[number] for number in boxes.category] == ["helmet", "helmet"]
    # 10% of 200 and 20.5% of 100 pixels, and so on.
    assert boxes.xywh.tolist() == [[20, 20.5, 60, 40], [100, 20.5, 60, 10]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x": 10', '"x": 1, "x": 10'),
        ('"rotation": 0', '"x": 1'),
        ('"origin": "manual"', '"origin": "manual", "origin": "a"'),
        ('"drafts": []', '"drafts": [], "id": 5'),
        ('"site": "north"', '"site": "north", "site": "south"'),
    ],
)
def test_a_key_that_occurs_twice(tmp_path: Path, old: str, new: str) -> None:
    text = tasks(task(2, result()))
    location = text.rindex(old)

    with pytest.raises(DataError, match="occurs twice in one object"):
        read(tmp_path, text[:location] + new + text[location + len(old) :])


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (task(2, value(rectanglelabels=[])), "task 2: rectanglelabels 1: expected one class"),
        (task(2, value(x=None)), "expected a number in `x`, found None"),
        (task(2, result(original_width=0)), "has no original_width"),
        (task(2, result(image_rotation=90)), "the image was turned in Label Studio"),
        (task(2, result(), data={}), "expected the path of its image in data.image"),
        (task(1, result()), "has two entries, task 1 and task 1"),
        ({"id": 2, "data": {}}, "[1]"),
        ("task", "[1]"),
    ],
)
def test_mistakes_are_found(tmp_path: Path, second: Any, text: str) -> None:
    with pytest.raises(DataError) as refusal:
        read(tmp_path, tasks(second))

    assert text in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": 1, "b": {"c": 2}}', True),
        (b'{"a": "10:20:30", "b": {"c": 2}}', True),
        (b'{"a": 1, "a": {"c": 2}}', True),  # the caller has counted three keys that differ
        (b'{"a": 1, "a": 2, "b": {"c": 2}}', False),
        (b'{"a": 1, "b" : {"c": 2}}', True),
        # The colons of the time would make up for the two that stand behind a blank.
        (b'{"a": "10:20", "a" : 1, "b": {"c": 2}}', False),
        (b'{"a": "10:20", "a"  : 1, "b": {"c": 2}}', False),
        (b'{"a": "10:20", "a"\n: 1, "b": {"c": 2}}', False),
        (b'{"a": "\\":", "b": {"c": 2}}', False),
    ],
)
def test_the_number_of_keys(text: bytes, expected: bool) -> None:
    assert has_no_more_keys(text, 3) == expected
