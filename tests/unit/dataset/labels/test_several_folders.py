"""A split of a `data.yaml` that names several folders or lists of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.labels.yolo.data_yaml import yaml_root
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text import yaml_text
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.project import Project
from pytest_detgate.regular_file import real_path
from tests.judged import judged
from tests.unit.label_files import draw, write

NAMES = "names: [helmet, vest]\n"
TABLE = '[dataset.splits.val]\ndata = "data.yaml"\n'
RULES = "[rules.image-files]\n[rules.box-bounds]\n"


def make(folder: Path, val: str) -> None:
    """Two folders with two images each; one image of `b` has no box."""
    draw(folder, "a/images/1.jpg", "a/images/2.jpg", "b/images/sub/1.jpg", "b/images/3.jpg")
    write(
        folder,
        {
            "data.yaml": f"val: {val}\n{NAMES}",
            "a/labels/1.txt": "0 .5 .5 .2 .2\n",
            "a/labels/2.txt": "1 .5 .5 .2 .4\n",
            "b/labels/sub/1.txt": "1 .5 .5 .4 .4\n0 .2 .2 .1 .1\n",
            "b/labels/3.txt": "",
        },
    )


def read(folder: Path, table: str = TABLE) -> Dataset:
    write(folder, {"detgate.toml": f"recommended = true\n{table}"})
    return Project(load_configuration(folder / "detgate.toml"), folder).read("val")


def boxes(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    names = dataset.images.file_name.tolist()
    listed: dict[str, list[tuple[str, list[float]]]] = {name: [] for name in names}
    table = dataset.boxes
    for image, category, xywh in zip(table.image, table.category, table.xywh, strict=True):
        listed[names[image]].append((dataset.classes[category], xywh.round(6).tolist()))
    return listed


def test_all_images_of_all_folders(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, b/images]")

    dataset = read(tmp_path)

    assert dataset.images_dir == tmp_path
    assert boxes(dataset) == {
        "a/images/1.jpg": [("helmet", [40, 20, 20, 10])],
        "a/images/2.jpg": [("vest", [40, 15, 20, 20])],
        "b/images/3.jpg": [],
        "b/images/sub/1.jpg": [("vest", [30, 15, 40, 20]), ("helmet", [15, 7.5, 10, 5])],
    }
    assert dataset.boxes.id.tolist() == [
        "a/labels/1.txt:1",
        "a/labels/2.txt:1",
        "b/labels/sub/1.txt:1",
        "b/labels/sub/1.txt:2",
    ]
    assert dataset.gaps == ()
    assert (dataset.images.width.tolist(), dataset.images.height.tolist()) == ([100] * 4, [50] * 4)


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        ("[one.txt, two.txt]", ["a/images/1.jpg", "b/images/3.jpg"]),
        ("[one.txt, b/images]", ["a/images/1.jpg", "b/images/3.jpg", "b/images/sub/1.jpg"]),
        ("[b/images/sub, a/images]", ["b/images/sub/1.jpg", "a/images/1.jpg", "a/images/2.jpg"]),
        # Oversampling by naming a folder twice changes nothing of what is there.
        ("[a/images, ./a/images/]", ["a/images/1.jpg", "a/images/2.jpg"]),
        ("[a, b]", None),
    ],
)
def test_lists_mixed_with_folders(tmp_path: Path, val: str, expected: list[str] | None) -> None:
    make(tmp_path, val)
    write(tmp_path, {"one.txt": "./a/images/1.jpg\n", "two.txt": "./b/images/3.jpg\n"})

    dataset = read(tmp_path)

    names = [f"{dataset.images_dir}/{name}" for name in dataset.images.file_name.tolist()]
    whole = ["a/images/1.jpg", "a/images/2.jpg", "b/images/3.jpg", "b/images/sub/1.jpg"]
    assert names == [f"{tmp_path}/{name}" for name in expected or whole]
    assert dataset.gaps == ()


def test_one_image_in_two_of_them(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, one.txt]")
    write(tmp_path, {"one.txt": "./a/images/1.jpg\n"})

    with pytest.raises(DataError) as refusal:
        read(tmp_path)

    assert str(refusal.value) == (
        f"{tmp_path}/data.yaml: `val`: the image {tmp_path}/a/images/1.jpg is in several of its "
        "folders and lists; name it once"
    )


def test_what_is_missing_in_one_of_them_is_a_gap(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, b/images]")
    (tmp_path / "b/labels/3.txt").unlink()
    (tmp_path / "a/images/2.jpg").unlink()
    write(tmp_path, {"b/images/notes.docx": "x"})

    dataset = read(tmp_path)

    assert [(gap.kind, gap.count, gap.examples) for gap in dataset.gaps] == [
        ("labels-without-image", 1, ("a/labels/2.txt",)),
        ("other-files", 1, ("b/images/notes.docx",)),
        ("images-without-labels", 1, ("b/images/3.jpg",)),
    ]
    names = dataset.images.file_name.tolist()
    rows = [[names[row] for row in gap.rows] for gap in dataset.gaps]
    assert rows == [["a/images/2.jpg"], [], ["b/images/3.jpg"]]
    assert dataset.images.unlabelled is not None
    assert [names[row] for row in dataset.images.unlabelled.nonzero()[0]] == ["b/images/3.jpg"]


def test_boxes_that_are_none_are_counted_over_all_folders(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, b/images]")
    write(tmp_path, {"a/labels/1.txt": "7 .5 .5 .2 .2\n", "b/labels/3.txt": "7 .5 .5 .2 .2\n"})

    dataset = read(tmp_path)

    assert [(gap.kind, gap.count, gap.examples) for gap in dataset.gaps] == [
        ("unlisted-class", 2, ("7", "7"))
    ]


def test_a_folder_of_background_without_labels(tmp_path: Path) -> None:
    """Ultralytics takes images without labels for background, and so may a split."""
    make(tmp_path, "[a/images, empty]")
    draw(tmp_path / "empty", "x.jpg", "y.jpg")

    unknown = read(tmp_path)
    background = read(tmp_path, f'{TABLE}missing-labels = "background"\n')

    assert [gap.kind for gap in unknown.gaps] == ["images-without-labels"]
    assert background.gaps == ()
    assert len(background.empty_images()) == 2


def test_folders_without_any_label(tmp_path: Path) -> None:
    draw(tmp_path, "c/images/1.jpg", "d/images/2.jpg")
    write(tmp_path, {"data.yaml": f"val: [c/images, d/images]\n{NAMES}"})

    with pytest.raises(DataError, match="`val`: none of its 2 images has a label"):
        read(tmp_path)


def test_the_digest_says_which_folder_has_which_labels(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, b/images]")
    first = read(tmp_path).sha256
    write(tmp_path, {"b/labels/3.txt": "0 .5 .5 .2 .2\n"})

    assert read(tmp_path).sha256 != first


def test_such_a_split_is_gated(tmp_path: Path) -> None:
    make(tmp_path, "[a/images, b/images]")

    results = judged(tmp_path, TABLE + RULES)

    assert {result.verdict for result in results.values()} == {"passed"}, results


def test_split_takes_all_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "[a/images, b/images, empty]")
    draw(tmp_path / "empty", "4.jpg")
    pattern = r"(?P<clip>\d+)\.jpg"
    out = ("--train", "train.txt", "--val", "val.txt", "--frame-pattern", pattern)

    assert main(["split", "data.yaml", *out]) == 0

    lines = Path("train.txt").read_text() + Path("val.txt").read_text()
    assert sorted(lines.split()) == [
        "./a/images/1.jpg",
        "./a/images/2.jpg",
        "./b/images/3.jpg",
        "./b/images/sub/1.jpg",
        "./empty/4.jpg",
    ]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("data", "project/data"),
        ("{here}/data", "project/data"),
        ("../datasets/site", "datasets/site"),
        ("site", "datasets/site"),
        ("site", "project/datasets/site"),
        ("site", "project/conf/datasets/site"),
    ],
)
def test_where_path_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, location: str
) -> None:
    """Ultralytics takes `path` from where it is started, or from a folder `datasets` there, or
    beside its clone."""
    folder, root = tmp_path / "project", tmp_path / location
    draw(root, "images/1.jpg")
    write(root, {"labels/1.txt": "0 .5 .5 .2 .2\n"})
    text = f"path: {path.format(here=folder)}\nval: images\n{NAMES}"
    write(folder, {"conf/data.yaml": text})
    monkeypatch.chdir(folder)

    dataset = read(folder, TABLE.replace("data.yaml", "conf/data.yaml"))

    assert dataset.image_path(0) == root / "images/1.jpg"
    assert real_path(yaml_root(folder / "conf/data.yaml")) == root


@pytest.mark.parametrize(
    "line", ["data/images/1.jpg", "./images/1.jpg", "images/1.jpg", "/content/x/data/images/1.jpg"]
)
def test_where_lines_of_a_list_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """A line that does not begin with a point starts where Ultralytics is started."""
    draw(tmp_path / "data", "images/1.jpg")
    files = {"labels/1.txt": "0 .5 .5 .2 .2\n", "val.txt": f"{line}\n"}
    write(tmp_path / "data", files)
    write(tmp_path, {"data.yaml": f"path: data\nval: val.txt\n{NAMES}"})
    monkeypatch.chdir(tmp_path)

    dataset = read(tmp_path)

    assert dataset.images.file_name.tolist() == ["1.jpg"]
    assert len(dataset.boxes) == 1
    assert dataset.gaps == ()


def test_a_data_yaml_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    build = yaml_text._Builder.build
    top: list[object] = []

    def counting(self: yaml_text._Builder, node: object) -> yaml_text.Yaml:
        if not top:
            parsed.append(node)
        top.append(node)
        try:
            return build(self, node)
        finally:
            top.pop()

    monkeypatch.setattr(yaml_text._Builder, "build", counting)
    make(tmp_path, "[a/images, b/images]")
    write(tmp_path, {"data.yaml": f"train: a/images\nval: b/images\n{NAMES}"})
    splits = TABLE + TABLE.replace("val", "train")

    results = judged(tmp_path, splits + RULES)

    assert {result.verdict for result in results.values()} == {"passed"}, results
    assert len(parsed) == 1


def test_a_folder_without_images_is_not_passed_over(tmp_path: Path) -> None:
    """As one whose images were not fetched."""
    make(tmp_path, "[a/images, c/images]")
    (tmp_path / "c/images").mkdir(parents=True)

    with pytest.raises(DataError, match=r"data\.yaml: `val`: \S*/c/images has no images"):
        read(tmp_path)
