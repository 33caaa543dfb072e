"""A bare NaN or Infinity in a JSON file is a number, and never the text of a name or an id."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.clips.clips import field_column
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.project import Project
from tests.content import write_json

NAN, INFINITY = math.nan, -math.inf
LITERALS = pytest.mark.parametrize("literal", [NAN, INFINITY], ids=["NaN", "-Infinity"])
Texts = dict[str, Any]


def coco(texts: Texts) -> Any:
    box = {
        "id": texts.get("box", 1),
        "image_id": texts.get("id", 1),
        "category_id": texts.get("class id", 1),
    }
    return {
        "images": [
            {"id": texts.get("id", 1), "file_name": texts.get("image", "NaN"), "width": NAN},
        ],
        "categories": [{"id": texts.get("class id", 1), "name": texts.get("class", "NaN")}],
        "annotations": [{**box, "bbox": [1, 1, 8, NAN]}],
    }


def labelme(texts: Texts) -> Any:
    shape = {"points": [[1, 1], [9, 9]], "shape_type": texts.get("kind", "rectangle")}
    return {
        "shapes": [{"label": texts.get("class", "NaN"), **shape}],
        "imagePath": texts.get("image", "NaN"),
        "imageWidth": NAN,
        "imageHeight": 50,
    }


def scalabel(texts: Texts) -> Any:
    label = {"id": "1", "category": texts.get("class", "NaN"), "attributes": {"speed": NAN}}
    box = {"x1": 1, "y1": 1, "x2": 9, "y2": 9}
    frame = {"name": texts.get("image", "NaN"), "videoName": texts.get("clip", "NaN")}
    return [{**frame, "labels": [{**label, "box2d": box}]}]


def datumaro(texts: Texts) -> Any:
    box = {"type": texts.get("kind", "bbox"), "label_id": 0, "bbox": [1, 1, 8, NAN]}
    item = {"id": texts.get("id", "a"), "annotations": [box]}
    media = {"path": texts.get("image", "NaN")}
    classes = {"label": {"labels": [{"name": texts.get("class", "NaN")}]}}
    return {"categories": classes, "items": [{**item, "image": media}]}


def labelstudio(texts: Texts) -> Any:
    kind = texts.get("kind", "rectanglelabels")
    value: dict[str, Any] = {"x": 1, "y": 1, "width": 9, "height": NAN}
    value["rectanglelabels"] = [texts.get("class", "NaN")]
    result = {"type": kind, "id": texts.get("id", "r"), "from_name": "l", "value": value}
    sizes = {"original_width": 50, "original_height": 50}
    annotations = [{"result": [{**result, **sizes}]}]
    return [{"id": 1, "data": {"image": texts.get("image", "NaN")}, "annotations": annotations}]


FORMATS: dict[str, tuple[Callable[[Texts], Any], str]] = {
    "coco": (coco, "t.json"),
    "labelme": (labelme, "labels/a.json"),
    "scalabel": (scalabel, "t.json"),
    "datumaro": (datumaro, "t.json"),
    "labelstudio": (labelstudio, "t.json"),
}
FIELDS_OF_FORMAT = {
    "coco": ("image", "class", "id", "class id", "box"),
    "labelme": ("image", "class", "kind"),
    "scalabel": ("image", "class", "clip"),
    "datumaro": ("image", "class", "kind", "id"),
    "labelstudio": ("image", "class", "kind", "id"),
}


def read(folder: Path, name: str, texts: Texts) -> Dataset:
    content, path = FORMATS[name]
    (folder / "labels").mkdir(exist_ok=True)
    (folder / path).write_text(json.dumps(content(texts)), encoding="utf-8")
    labels = path.partition("/")[0] if "/" in path else path
    config = folder / "detgate.toml"
    config.write_text(
        f'[dataset.splits.val]\nannotations = "{labels}"\nimages = "i"\nformat = "{name}"\n'
        "[rules.box-bounds]\n",
        encoding="utf-8",
    )
    (folder / "i").mkdir(exist_ok=True)
    Image.new("RGB", (50, 50)).save(folder / "i" / "NaN.png")
    return Project(load_configuration(config), folder).read("val")


@LITERALS
@pytest.mark.parametrize(
    ("name", "location"),
    [(name, position) for name, positions in FIELDS_OF_FORMAT.items() for position in positions],
)
def test_a_literal_is_no_text(tmp_path: Path, name: str, location: str, literal: float) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, {"image": "NaN.png", location: literal})

    text = str(caught.value)
    assert text.startswith(str(tmp_path))
    assert json.dumps(literal) in text
    assert "xpected" in text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_text_in_quotes_is_a_text(tmp_path: Path, name: str, text: str) -> None:
    """Bare literals in numbers of the same file make no difference."""
    names = {"image": "NaN.png"} if name == "labelme" else {"image": "NaN.png", "id": text}
    dataset = read(tmp_path, name, {**names, "class": text})

    assert dataset.classes == (text,)
    assert dataset.images.file_name.tolist() == ["NaN.png"]
    assert dataset.boxes.image.tolist() == [0]


def test_a_file_may_be_called_nan(tmp_path: Path) -> None:
    dataset = read(tmp_path, "coco", {})

    assert (dataset.images.file_name.tolist(), dataset.classes) == (["NaN"], ("NaN",))
    assert math.isnan(dataset.images.width[0])
    assert math.isnan(dataset.boxes.xywh[0, 3])


@pytest.mark.parametrize("literal", ["NaN", "Infinity"])
def test_a_field_has_a_text_or_no_value(tmp_path: Path, literal: str) -> None:
    """A table writes NaN where it has no value; a clip may be called NaN."""
    (tmp_path / "t.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg", "video": "NaN"}, {"id": 2, "file_name": '
        f'"b.jpg", "video": {literal}}}], "categories": [], "annotations": []}}'
    )
    dataset = read_coco(tmp_path / "t.json", tmp_path, "val", ["video"])

    assert field_column(dataset.images, "video") == ["NaN", None]


ROW = '{"image_id": %s, "category_id": %s, "bbox": [1, 1, 8, 8], "score": 0.5, "file_name": %s}'


@LITERALS
@pytest.mark.parametrize("position", [0, 1, 2], ids=["image_id", "category_id", "file_name"])
@pytest.mark.parametrize("form", ["[%s, %s]", '{"annotations": [%s, %s]}'])
def test_a_literal_is_no_id_of_a_detection(
    tmp_path: Path, form: str, position: int, literal: float
) -> None:
    values = ["1", "1", '"NaN"']
    sound = ROW % tuple(values)
    values[position] = json.dumps(literal)
    dataset = read(tmp_path, "coco", {})
    results = tmp_path / "r.json"
    results.write_text(form % (sound, ROW % tuple(values)))

    with pytest.raises(DataError) as caught:
        read_results(results, dataset)

    field = ("image_id", "category_id", "file_name")[position]
    expected = "text" if position == 2 else "a whole number or text"
    text = f"detection 1: {field} is {json.dumps(literal)}; expected {expected}"
    assert str(caught.value) == f"{results}: {text}"


@LITERALS
@pytest.mark.parametrize("location", ["image", "class", "id", "class id"])
def test_a_literal_is_no_name_of_a_result_file(
    tmp_path: Path, location: str, literal: float
) -> None:
    content = coco({"image": "NaN", location: literal})
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 8, 8], "score": 0.5}
    content["annotations"] = [row]
    dataset = read(tmp_path, "coco", {})

    with pytest.raises(DataError, match=json.dumps(literal)):
        read_results(write_json(tmp_path / "r.json", content), dataset)


def test_results_may_name_a_class_nan(tmp_path: Path) -> None:
    content = coco({})
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 8, 8], "score": 0.5}
    content["annotations"] = [row]

    detections = read_results(write_json(tmp_path / "r.json", content), read(tmp_path, "coco", {}))

    assert (detections.image.tolist(), detections.classes) == ([0], ("NaN",))


def test_a_wrong_value_beside_a_literal_is_named(tmp_path: Path) -> None:
    """0.7 is wrong where a whole number is wanted, with anything else in the file."""
    with pytest.raises(DataError, match=r"Expected `int`, got `float` - at `\$\[1\]`"):
        decode_json(b"[1, 0.7]", list[int], Path("a.json"))
    with pytest.raises(DataError, match=r"Expected `int`, got `float` - at `"):
        decode_json(b'{"b": 0.7, "a": NaN}', dict[str, int], Path("a.json"))
    with pytest.raises(DataError, match=r"Expected `int`, got `NaN` - at `\$\[1\]`"):
        decode_json(b"[1, NaN]", list[int], Path("a.json"))
    with pytest.raises(DataError, match=r"Expected `bool`, got `Infinity` - at `\$\[1\]`"):
        decode_json(b"[true, Infinity]", list[bool], Path("a.json"), strict=False)
