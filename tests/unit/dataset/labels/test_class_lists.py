"""Class lists as people have them: names stay the text that their author wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.dataset.labels.yolo.class_names import class_names, names_in_file
from pytest_detgate.dataset.text.yaml_text import read_yaml
from pytest_detgate.errors import DataError
from tests.unit.label_files import READERS, draw, split, write


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [yes, no, on, off, null, ~]\n", ("yes", "no", "on", "off", "null", "~")),
        ("names: [012, 0x1f, 1_000, 1e3, 1:30]\n", ("012", "0x1f", "1_000", "1e3", "1:30")),
        ("names: [2024-01-01, 5.0, -1]\n", ("2024-01-01", "5.0", "-1")),
        ("names: [ 'helmet', 'vest',\n    'traffic cone' ]\n", ("helmet", "vest", "traffic cone")),
        ("names: {0: helmet, 1: vest}\n", ("helmet", "vest")),
        ("names: {1: vest,\n  0: 'driver''s cone'}\n", ("driver's cone", "vest")),
        ('names: ["a: b", "c, d", "# e"]  # three\n', ("a: b", "c, d", "# e")),
        ("names:\n- &x helmet\n- vest\nold: *x\n", ("helmet", "vest")),
        ("names: !!python/tuple [helmet, vest]\n", ("helmet", "vest")),
        ("names:\n  '0': café\n  '1': hard hat\n", ("café", "hard hat")),
    ],
)
def test_names_stay_as_they_are_written(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    write(tmp_path, {"data.yaml": text})

    assert names_in_file(tmp_path / "data.yaml") == names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nc: 3\nnames: [helmet, vest]\n", "`nc` is 3 and `names` has 2: helmet, vest"),
        ("names: {helmet: 0, vest: 1}\n", "such as `0: helmet`, found `helmet: 0`"),
        ("names: {00: helmet}\n", "such as `0: helmet`, found `00: helmet`"),
        ("names: [helmet]\nnames: [vest]\n", "line 2: the key 'names' occurs twice"),
        ("names: [[helmet], vest]\n", "expected a name for each class in `names`, found"),
        ("names: &a [*a]\n", "holds itself"),
        ("? [a, b]\n: c\n", "line 1: a list or table is used as a key"),
        ("names: [helmet, '  ']\n", "expected a name for each class"),
        ("[" * 3000, "nested too deeply"),
        ("names: [helmet]\n---\nnames: [vest]\n", "not valid YAML at line 2"),
    ],
)
def test_a_class_list_that_cannot_be_read(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, {"data.yaml": text})

    with pytest.raises(DataError) as caught:
        names_in_file(tmp_path / "data.yaml")

    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "data.yaml"))


def test_aliases_of_aliases_take_no_memory(tmp_path: Path) -> None:
    """Written out, the last of these would have ten to the power of 30 entries."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{row}: &a{row} [{', '.join([f'*a{row - 1}'] * 10)}]" for row in range(1, 31)]
    write(tmp_path, {"data.yaml": "\n".join([*lines, "names: [helmet]"])})

    assert names_in_file(tmp_path / "data.yaml") == ("helmet",)


def test_a_description_of_megabytes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"data.yaml": "#" * (1 << 21)})

    with pytest.raises(DataError, match="longer than a description of a data set"):
        read_yaml(tmp_path / "data.yaml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_class_list_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_bytes("names:\r\n- größe\r\n- vest\r\n".encode(encoding))

    assert names_in_file(path) == ("größe", "vest")


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["data.yaml", "classes.txt", "obj.names"])
def test_the_list_may_be_three_folders_up(tmp_path: Path, levels: int, name: str) -> None:
    labels = tmp_path / "d" / "labels" / "val" / "cam1"
    labels.mkdir(parents=True)
    folder = [labels, *labels.parents][levels]
    write(folder, {name: "names: [helmet]\n" if name == "data.yaml" else "helmet\n"})

    assert class_names(labels, None) == (("helmet",), ())


def test_another_file_with_names_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"helmets.yaml": "names: [helmet]\n", "labels/a.txt": ""})

    with pytest.raises(DataError, match=r"three folders above \(there is .*helmets\.yaml\)"):
        class_names(tmp_path / "labels", None)


def test_two_lists_that_disagree_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"labels/classes.txt": "dog\nhelmet\n", "data.yaml": "names: [helmet]\n"})

    with pytest.raises(DataError, match=r"data\.yaml helmet; name the right file by `classes`"):
        class_names(tmp_path / "labels", None)
    assert class_names(tmp_path / "labels", tmp_path / "data.yaml")[0] == ("helmet",)


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        (("vest",), ("helmet", "vest")),  # a choice: its number stays
        (("helmet", "vest"), ("helmet", "vest")),
        (("hard hat", "jacket"), ("hard hat", "jacket")),  # other names of the same number
    ],
)
def test_a_list_in_the_configuration(
    tmp_path: Path, stated: tuple[str, ...], names: tuple[str, ...]
) -> None:
    write(tmp_path, {"labels/data.yaml": "names: [helmet, vest]\n"})

    assert class_names(tmp_path / "labels", None, stated)[0] == names


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (("vest", "helmet"), "class 0 is 'helmet' here and 'vest' in `classes`"),
        (("helmett",), "has no class 'helmett', which `classes` lists; did you mean 'helmet'?"),
        (("helmet", "cone"), "has no class 'cone'"),
    ],
)
def test_a_list_that_contradicts_the_file(
    tmp_path: Path, stated: tuple[str, ...], expected: str
) -> None:
    write(tmp_path, {"labels/data.yaml": "names: [helmet, vest]\n"})

    with pytest.raises(DataError) as caught:
        class_names(tmp_path / "labels", None, stated)

    assert expected in str(caught.value)


def test_a_list_in_the_configuration_needs_no_file(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": "1 .5 .5 .2 .2\n"})

    dataset = READERS["yolo"](split(tmp_path, stated_classes=("helmet", "vest")))

    assert dataset.classes == ("helmet", "vest")
    assert dataset.boxes.category.tolist() == [1]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "notes.json",
            '{"categories": [{"id": 1, "name": "helmet"}, {"id": 2, "name": "vest"}]}',
            "expected categories numbered from 0 on, as labels are, found ids [1, 2]",
        ),
        ("obj.data", "train = train.txt\n", "no line `names = ...`"),
        ("obj.data", "names = other.data\n", "`names` is other.data, which lists no classes"),
    ],
)
def test_class_files_of_tools_that_number_otherwise(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    write(tmp_path, {name: text})

    with pytest.raises(DataError) as caught:
        names_in_file(tmp_path / name)

    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_stated_classes_replace_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"labels/data.yaml": "names: [helmet, '  ']\n"})
    file = tmp_path / "labels" / "data.yaml"

    with pytest.raises(DataError, match="expected a name for each class"):
        class_names(tmp_path / "labels", None)
    names, notes = class_names(tmp_path / "labels", None, ["helmet", "vest"])

    assert names == ("helmet", "vest")
    assert notes == (f"{file} gives no class names; those of `classes` count",)
