"""Text in any Unicode encoding that says which it is, and JSON that no reader should be given."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.coco.fields import read_fields
from pytest_detgate.dataset.coco.reader import read_categories, read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import ConfigError, DataError, DetgateError
from pytest_detgate.record.report_file import read_report
from tests.content import write_json
from tests.unit.label_files import READERS, draw, split, write

TRUTH = {
    "images": [{"id": 1, "file_name": "é.jpg"}],
    "categories": [{"id": 1, "name": "helmet"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
}
DETECTIONS = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5}]
ENCODINGS = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
}


@pytest.fixture
def truth(tmp_path: Path) -> Dataset:
    return read_coco(write_json(tmp_path / "truth.json", TRUTH), tmp_path, "val")


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_encoding_and_line_end(
    tmp_path: Path, truth: Dataset, encode: Callable[[str], bytes], end: str
) -> None:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(text.replace("\n", end)))
        return path

    dataset = read_coco(put("t.json", json.dumps(TRUTH, indent=1)), tmp_path, "val")
    assert dataset.images.file_name.tolist() == ["é.jpg"]
    assert dataset.boxes.xywh.tolist() == [[1, 1, 5, 5]]
    for content in (DETECTIONS, {"annotations": DETECTIONS}):
        read = read_results(put("r.json", json.dumps(content, indent=1)), truth)
        assert read.score.tolist() == [0.5]
    draw(tmp_path / "images", "a.jpg")
    put("labels/a.txt", "0 .5 .5 1 1\n1 .5 .5 .5 .5\n")
    yolo = READERS["yolo"](split(tmp_path, classes=put("classes.txt", "helmet\nvest é\n")))
    assert yolo.classes == ("helmet", "vest é")
    assert len(yolo.boxes) == 2
    table = '[dataset.splits.val]\nannotations = "é"\nimages = ""\n[rules.image-files]'
    tables = load_configuration(put("detgate.toml", table)).tables
    assert tables.dataset.splits["val"].annotations == "é"


def test_a_mark_that_lies(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(codecs.BOM_UTF16_LE + b"odd")

    with pytest.raises(DataError, match="not UTF-16 text, as its byte order mark says"):
        read_text(tmp_path / "a")


DEEP = "[" * 200_000 + "]" * 200_000
LONG = "9" * 5000


@pytest.mark.parametrize(
    "text",
    [
        f'{{"info": {DEEP}, "images": [], "categories": [], "annotations": []}}',
        f'{{"images": [{{"id": 1, "file_name": "a", "x": {DEEP}}}], "categories": []}}',
        f'{{"images": [], "categories": [], "annotations": [{{"segmentation": {DEEP}}}]}}',
        DEEP,
        '{"a": ' * 200_000,
    ],
    ids=["top", "image", "annotation", "list", "cut off"],
)
@pytest.mark.parametrize(
    "read",
    [
        lambda path, truth: read_coco(path, path.parent, "val"),
        lambda path, truth: read_categories(path),
        lambda path, truth: read_results(path, truth),
        lambda path, truth: read_fields(path, "images", ["x"]),
        lambda path, truth: read_report(path),
    ],
    ids=["coco", "class names", "results", "fields", "report"],
)
def test_what_is_nested_too_deeply_is_refused(
    tmp_path: Path, truth: Dataset, text: str, read: Callable[[Path, Dataset], object]
) -> None:
    (tmp_path / "deep.json").write_text(text)

    with pytest.raises(DataError) as caught:
        read(tmp_path / "deep.json", truth)

    assert str(caught.value).startswith(str(tmp_path / "deep.json"))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [LONG, f"-{LONG}", f"{LONG}.5", f"1e{LONG}"])
@pytest.mark.parametrize("location", ["id", "width", "x"])
def test_a_number_of_five_thousand_digits(tmp_path: Path, value: str, location: str) -> None:
    image = {"id": 1, "file_name": "a.jpg", location: "?"}
    text = json.dumps({"images": [image], "categories": []}).replace('"?"', value)
    (tmp_path / "t.json").write_text(text)

    with pytest.raises(DataError) as caught:
        read_coco(tmp_path / "t.json", tmp_path, "val", ["x"])

    assert f"$.images[0].{location}" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", [f"a = {DEEP}", f"a = {LONG}", f"a = {{b = {LONG}}}"])
def test_such_a_configuration(tmp_path: Path, text: str) -> None:
    (tmp_path / "detgate.toml").write_text(text)

    with pytest.raises(ConfigError, match=r"detgate\.toml: (not valid TOML|lists and objects)"):
        load_configuration(tmp_path / "detgate.toml")


def test_a_frame_number_of_five_thousand_digits_cannot_be_told(tmp_path: Path) -> None:
    from pytest_detgate.dataset.clips.frames import whole_number

    assert whole_number(LONG) is None
    assert whole_number("²") is None


def test_label_files_that_are_too_long_or_deep(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": f"{LONG} .5 .5 1 1", "labels/classes.txt": "cone"})

    with pytest.raises(DetgateError, match=r"a\.txt: line 1") as caught:
        READERS["yolo"](split(tmp_path))
    assert len(str(caught.value)) < 500


def test_other_text_is_to_be_saved_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"caf\xe9\n")

    with pytest.raises(
        DataError, match=r"labels\.txt: not UTF-8 text \(byte 3\); save it as UTF-8"
    ):
        read_text(path)


def test_json_in_other_text_is_to_be_saved_as_utf_8(tmp_path: Path) -> None:
    images = '"images": [{"id": 1, "file_name": "caf\xe9.jpg"}]'
    text = f'{{{images}, "annotations": [], "categories": []}}'
    (tmp_path / "val.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(DataError, match=r"not UTF-8 text: .*; save it as UTF-8$"):
        read_coco(tmp_path / "val.json", tmp_path, "val")


LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 21\n"


@pytest.mark.parametrize("location", ["labels/a.txt", "labels/classes.txt"])
@pytest.mark.parametrize(
    ("pointer", "way_out"),
    [(LFS, "git lfs pull"), ("/annex/objects/MD5E-s9--1\n", "git annex get")],
)
def test_a_pointer_in_place_of_a_file(
    tmp_path: Path, location: str, pointer: str, way_out: str
) -> None:
    """Its three lines would be three names of classes."""
    draw(tmp_path / "images", "a.jpg")
    files = {"labels/a.txt": "0 .5 .5 .2 .2\n", "labels/classes.txt": "helmet\n"}
    write(tmp_path, files | {location: pointer})

    with pytest.raises(DataError) as error:
        READERS["yolo"](split(tmp_path))

    assert f"{location}: not the file but a pointer of " in str(error.value)
    assert way_out in str(error.value)
