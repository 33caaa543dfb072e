"""Values of a configuration of MMDetection that are read without running it, and those that are
not plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.errors import DataError
from pytest_detgate.first_config.layouts import mmdet_file
from pytest_detgate.first_config.layouts.mmdet_file import splits_of_config
from pytest_detgate.first_config.layouts.splits import FoundData

COCO = 'dict(type="CocoDataset", ann_file="{0}.json", data_prefix=dict(img="{0}/"))'
LOADER = f"train_dataloader = dict(dataset={COCO.format('train')})\n"


@pytest.fixture(autouse=True)
def _without_mmengine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"{mmdet_file.__name__}.importlib.util.find_spec", lambda name: None)


def found_in(folder: Path, text: str, **others: str) -> FoundData:
    for name, content in {"train": text, **others}.items():
        (folder / f"{name}.py").write_text(content)
    return splits_of_config(folder / "train.py")


def paths_of(found_data: FoundData, folder: Path) -> list[tuple[str, str, str, str]]:
    return [
        (
            split.name,
            split.format,
            split.annotations.relative_to(folder).as_posix(),
            split.images.relative_to(folder).as_posix(),
        )
        for split in found_data.splits
    ]


@pytest.mark.parametrize(
    ("text", "splits"),
    [
        (f'"""Trains."""\n{LOADER}', [("train", "coco", "train.json", "train")]),
        (
            "train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=["
            f"{COCO.format('a')}, {COCO.format('b')}]))\n",
            [("train-1", "coco", "a.json", "a"), ("train-2", "coco", "b.json", "b")],
        ),
        (
            "root = 'data/' + 'site/'\n"
            "train_dataloader = {'dataset': {'data_root': root, 'ann_file': 'x.json'}}\n",
            [("train", "coco", "data/site/x.json", "data/site")],
        ),
        (
            # As the base of VOC has it: the list, and the folder of both below the root.
            "train_dataloader = dict(dataset=dict(data_root='VOCdevkit/',\n"
            "    ann_file='VOC2007/ImageSets/Main/trainval.txt',\n"
            "    data_prefix=dict(sub_data_root='VOC2007/')))\n",
            [("train", "voc", "VOCdevkit/VOC2007/Annotations", "VOCdevkit/VOC2007/JPEGImages")],
        ),
        (
            "train_dataloader = dict(dataset=dict(ann_file='VOC2012/ImageSets/Main/train.txt'))\n",
            [("train", "voc", "VOC2012/Annotations", "VOC2012/JPEGImages")],
        ),
        (
            # A loader without a data set, and a data set without annotations, are none.
            f"{LOADER}val_dataloader = dict(dataset=None)\n"
            "test_dataloader = dict(dataset=dict(type='CocoDataset'))\n",
            [("train", "coco", "train.json", "train")],
        ),
    ],
)
def test_plain_values_are_read(
    tmp_path: Path, text: str, splits: list[tuple[str, str, str, str]]
) -> None:
    assert paths_of(found_in(tmp_path, text), tmp_path) == splits


def test_values_of_the_base_have_a_name(tmp_path: Path) -> None:
    found_data = found_in(
        tmp_path,
        "_base_ = ['base.py']\nval_dataloader = _base_.train_dataloader\n"
        "train_dataloader = dict(_delete_=True, dataset=dict(ann_file='own.json'))\n",
        base=LOADER,
    )

    assert paths_of(found_data, tmp_path) == [
        ("train", "coco", "own.json", "."),
        ("val", "coco", "train.json", "train"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("_base_ = 3\n", "_base_ is not a plain list"),
        ("_base_ = ['mmdet::rtmdet/rtmdet_tiny.py']\n", "_base_ is mmdet::rtmdet/rtmdet_tiny.py"),
        ("if True:\n    a = 1\n", "line 1 is not a plain value"),
        ("train_dataloader = dict(dataset=dict(ann_file=1 + 2))\n", "line 1 is not a plain value"),
        ("a = b\ntrain_dataloader = a\n", "line 1 is not a plain value"),
    ],
)
def test_a_value_that_is_computed_is_run_or_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        found_in(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path / 'train.py'}: {reason}")
    assert "so it has to be run, and MMEngine is not installed here" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "train_dataloader = dict(dataset=dict(ann_file=['a.json', 'b.json']))\n",
            "ann_file, data_root and data_prefix of train are no texts",
        ),
        ("model = dict()\n", "no train_dataloader with a data set of MMDetection"),
        ("_base_ = 'train.py'\n", "is its own _base_"),
        ("a = (\n", "not a configuration: "),
    ],
)
def test_what_names_no_data_set_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        found_in(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path / 'train.py'}: {reason}")


def test_paths_start_above_the_configuration(tmp_path: Path) -> None:
    """In the folder where the annotation file is, else in this one."""
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project / "configs", here):
        folder.mkdir(parents=True)
    (project / "train.json").write_text("{}")

    assert found_in(project / "configs", LOADER).splits[0].annotations == project / "train.json"
    (project / "train.json").unlink()
    assert found_in(project / "configs", LOADER).splits[0].annotations == tmp_path / "train.json"
