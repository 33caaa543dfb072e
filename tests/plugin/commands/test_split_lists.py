"""The lists of images that `split` writes name each image as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from tests.unit.label_files import READERS, draw, split, write
from tests.unit.label_writers import WRITERS

OUT = ("--images", "images", "--train", "t.txt", "--val", "v.txt")
PATTERN = r"^(?P<clip>[a-z]+)"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def command(kind: str, *names: str, options: Sequence[str] = ()) -> int:
    """Split images of these names, each with a box."""
    draw(Path("images"), *names)
    if kind == "yolo":
        files = {str(Path(name).with_suffix(".txt")): "0 .5 .5 .2 .4\n" for name in names}
        write(Path("yolo"), {"classes.txt": "helmet\n", **files})
    else:
        box = ("helmet", 40.0, 15.0, 20.0, 20.0)
        WRITERS[kind]({name: (100.0, 50.0, [box]) for name in names}, Path())
    return main(["split", kind, "--format", kind, *OUT, "--frame-pattern", PATTERN, *options])


def read_back(kind: str) -> list[str]:
    """The images of both parts."""
    parts = [split(Path(), kind, listed=Path(name)) for name in ("t.txt", "v.txt")]
    return sorted(name for part in parts for name in READERS[kind](part).images.file_name.tolist())


@pytest.mark.parametrize("kind", ["labelme", "yolo"])
@pytest.mark.parametrize(
    "names",
    [
        # The number behind a blank is no flag of Pascal VOC.
        ("cam 0.jpg", "cam 1.jpg", "cam.jpg", "yard 1.jpg"),
        # What is left without the suffix is another image.
        ("gate.jpg", "gate.jpg.png", "yard.jpg"),
        ("gate/1.jpg", "yard/2.jpg", "yard/2.jpg.png"),
    ],
)
def test_each_image_is_read_back(kind: str, names: tuple[str, ...]) -> None:
    assert command(kind, *names) == 0

    assert read_back(kind) == sorted(names)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("labelme", "cam\n1.jpg"),
        ("labelme", "cam\u20281.jpg"),
        ("yolo", "cam\n1.jpg"),
        ("yolo", "cam\u20281.jpg"),
        ("yolo", "cam\udcff1.jpg"),
    ],
)
def test_name_that_is_no_line_of_a_list(
    kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command(kind, "gate.jpg", "yard.jpg", name)

    assert code == 4
    assert "a list of images cannot hold this file name" in capsys.readouterr().err
    assert not Path("t.txt").exists()
    assert not Path("v.txt").exists()


def test_coco_files_hold_utf_8_alone(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--to-coco", "--train", "t.json", "--val", "v.json")
    code = command("yolo", "gate.jpg", "yard.jpg", "cam\udcff1.jpg", options=options)

    assert code == 4
    error = capsys.readouterr().err
    assert "'cam\\udcff1.jpg' is not UTF-8 text, which JSON has to be" in error
    assert not Path("t.json").exists()


DATA = "names: [helmet]\ntrain: images\n"


@pytest.mark.parametrize("there", [False, True])
def test_test_split_that_cannot_be_read(there: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """It stays as it is, so that nothing is needed of it."""
    command("yolo", "gate.jpg", "yard.jpg")
    for name in ("t.txt", "v.txt"):
        Path(name).unlink()
    Path("labels").symlink_to("yolo")
    write(Path(), {"data.yaml": f"{DATA}test: test/images\n"})
    if there:
        draw(Path("test/images"), "roof.jpg")

    assert main(["split", "data.yaml", *OUT[2:], "--frame-pattern", PATTERN]) == 0

    assert "note: test stays as it is; its clips were not compared" in capsys.readouterr().out
    assert read_back("yolo") == ["gate.jpg", "yard.jpg"]


def test_with_test_needs_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path(), {"data.yaml": DATA})

    arguments = ["data.yaml", *OUT[2:], "--frame-pattern", PATTERN, "--with-test"]
    assert main(["split", *arguments]) == 4

    assert "data.yaml has no `test`; omit --with-test" in capsys.readouterr().err
