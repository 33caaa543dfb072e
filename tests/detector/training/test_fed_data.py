"""What real data sets of MMDetection feed, held against their annotation file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError
from pytest_detgate.evidence import BarChart, Histogram
from pytest_detgate.progress import NoProgress
from pytest_detgate.testing import coco_content
from pytest_detgate.training.dropped_data import PartDrops, drops_of
from pytest_detgate.training.fed_data import FedData, read_fed_data, read_training_settings
from pytest_detgate.training.settings import TrainingSettings, settings_of
from tests.content import write_json
from tests.drawn import draw_pictures
from tests.judged import finding_lines, judged, measured, split_tables

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("forked_processes")]

HEAD = """
default_scope = "mmdet"
root = "{{ fileDirname }}/"
common = dict(type="CocoDataset", data_root=root, data_prefix=dict(img="images/"))
"""
HAT = ("hat", 10, 10, 30, 30)
VEST = ("vest", 10, 10, 30, 30)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes a training configuration."""

    def write(text: str) -> Path:
        (tmp_path / "train.py").write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        return tmp_path / "train.py"

    return write


@pytest.fixture
def fed(write_config: Callable[[str], Path]) -> Callable[[str], FedData]:
    """A function from a configuration to what its training data set feeds, built in this process
    to spare the tests one of its own."""

    def build(text: str) -> FedData:
        from mmengine.config import Config

        from pytest_detgate.training.fed_data_worker import fed_data_of

        with quiet():
            return fed_data_of(Config.fromfile(str(write_config(text))), "train.py")

    return build


def reasons(part: PartDrops) -> dict[str, str]:
    return {image.file_name: image.reason for image in part.images_dropped}


def test_every_reason_through_the_whole_gate(
    tmp_path: Path, write_config: Callable[[str], Path]
) -> None:
    names = ("plain", "empty", "vest", "tiny", "twin", "crowd", "broken")
    boxes = {"plain": [HAT], "vest": [VEST, VEST], "tiny": [HAT], "twin": [HAT], "crowd": [HAT]}
    content = coco_content({f"{name}.jpg": boxes.get(name, []) for name in names}, ("hat", "vest"))
    number = {name: number for number, name in enumerate(names, start=1)}
    content["images"][3]["width"] = 20
    content["images"].append({**content["images"][4], "file_name": "other.jpg"})
    content["annotations"][5]["iscrowd"] = 1
    hat = {**content["annotations"][0], "image_id": number["broken"]}
    content["annotations"] += [
        {**hat, "id": 11, "bbox": [10, 10, 0.5, 30]},
        {**hat, "id": 12, "bbox": [200, 10, 30, 30]},
        {**hat, "id": 13, "area": 0},
        {**hat, "id": 14, "ignore": 1},
        {**hat, "id": 15, "image_id": 99},
    ]
    write_json(tmp_path / "train.json", content)
    write_config(
        """
        train_dataloader = dict(
            sampler=dict(type="ClassAwareSampler"),
            dataset=dict(
                **common, ann_file="train.json", metainfo=dict(classes=("hat",)),
                filter_cfg=dict(filter_empty_gt=True, min_size=32)))
        """
    )
    config = split_tables(train="images") + '[train]\nconfig = "train.py"\nwork-dir = "work"\n'
    config += "[rules.training-view]\nmax-dropped = 3\nmax-dropped-share = 0.5\nmin = 0.5\n"
    config += "[rules.training-view.reasons]\nmin_size = 0\nclass_names = 1\n"

    (result,) = judged(tmp_path, config).values()

    # Eight images are listed. MMDetection keeps an image whose only boxes it then skips: what is
    # left is plain, other, crowd and broken, and the last two have no box to learn.
    values = measured(result)
    assert result.verdict == "failed"
    assert {m.name for m in result.measurements if m.passed is False} == {
        "dropped",
        "dropped[min_size]",
    }
    assert [values[name] for name in ("images", "fed", "dropped", "crowd_only")] == [8, 4, 4, 1]
    assert values["effective_empty_share"] == 0.5
    assert result.message == (
        "training drops 4 (filter_empty_gt 1, class_names 1, min_size 1, shared_id 1) of 8 "
        "images; of what is left 50.0% are empty; the ClassAwareSampler decides further what is fed"
    )
    assert {name: value for name, value in values.items() if name.startswith("boxes_dropped")} == {
        "boxes_dropped": 8,
        "boxes_dropped[class_names]": 2,
        "boxes_dropped[with_image]": 1,
        "boxes_dropped[degenerate]": 3,
        "boxes_dropped[ignored]": 1,
        "boxes_dropped[no_image]": 1,
    }
    assert finding_lines(result)[:4] == [
        "empty.jpg: filter_empty_gt drops it: nothing is annotated on it",
        "vest.jpg: filter_empty_gt drops it: all its boxes are of classes that the configuration "
        "does not name (vest)",
        "tiny.jpg: min_size = 32 drops it: 20 × 100 pixels",
        "twin.jpg: other.jpg has the same id 5, and is fed in its place, with the boxes of both",
    ]
    assert result.findings_total == 12
    assert {finding.dataset for finding in result.findings} == {"train"}
    dropped, empty, classes = result.evidence.charts
    assert isinstance(dropped, BarChart)
    assert [(bar.name, bar.value, bar.limit, bar.passed) for bar in dropped.bars] == [
        ("dropped", 4, 3, False),
        ("filter_empty_gt", 1, None, None),
        ("class_names", 1, 1, True),
        ("min_size", 1, 0, False),
        ("shared_id", 1, None, None),
    ]
    # One of the eight images that are listed has no annotation.
    assert isinstance(empty, BarChart)
    assert [(bar.value, bar.limit, bar.passed) for bar in empty.bars] == [
        (1 / 8, None, None),
        (0.5, 0.5, True),
    ]
    assert isinstance(classes, Histogram)
    assert classes.names == ["hat", "vest"]
    assert classes.counts == {"in the annotation file": [9, 2], "fed": [3, 0]}
    assert classes.about.startswith("3 of 11 boxes are fed to the model, 0 of them as another")
    assert result.tables == {}


def test_several_annotation_files_are_told_apart_in_a_table(
    tmp_path: Path, write_config: Callable[[str], Path]
) -> None:
    write_json(tmp_path / "a.json", coco_content({"1.jpg": [HAT], "2.jpg": []}, ("hat",)))
    write_json(tmp_path / "b.json", coco_content({"3.jpg": [HAT]}, ("hat",)))
    write_config(
        """
        each = dict(**common, metainfo=dict(classes=("hat",)),
                    filter_cfg=dict(filter_empty_gt=True))
        train_dataloader = dict(dataset=dict(type="ConcatDataset", datasets=[
            dict(ann_file="a.json", **each), dict(ann_file="b.json", **each)]))
        """
    )
    config = split_tables(train="images") + '[model]\nconfig = "train.py"\n'
    (result,) = judged(tmp_path, config + "[rules.training-view]\nmax-dropped = 0\n").values()

    table = result.tables["what training is fed"]
    columns = [table.columns.index(name) for name in ("images", "fed", "filter_empty_gt")]
    assert [[row[0], *(row[column] for column in columns)] for row in table.rows] == [
        ["a.json", 2, 1, 1],
        ["b.json", 1, 1, 0],
    ]
    dropped, _ = result.evidence.charts
    assert isinstance(dropped, BarChart)
    assert [(bar.name, bar.value) for bar in dropped.bars] == [
        ("dropped", 1),
        ("filter_empty_gt", 1),
    ]


def test_training_on_a_file_of_no_split_is_said(
    tmp_path: Path, write_config: Callable[[str], Path]
) -> None:
    write_json(tmp_path / "old.json", coco_content({"1.jpg": [HAT], "2.jpg": []}, ("hat",)))
    write_config(
        """
        train_dataloader = dict(dataset=dict(
            **common, ann_file="old.json", metainfo=dict(classes=("hat",))))
        """
    )
    config = split_tables(train="images") + '[model]\nconfig = "train.py"\n'
    (result,) = judged(tmp_path, config + "[rules.training-view]\nmax-dropped = 0\n").values()

    assert (result.verdict, result.message) == (
        "passed",
        "training drops none of 2 images; of what is left 50.0% are empty; no split has the "
        "annotation file that is trained on (old.json)",
    )


def test_wrappers_repeat_what_they_repeat(fed: Callable[[str], FedData], tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", coco_content({"1.jpg": [HAT], "2.jpg": []}, ("hat",)))
    write_json(
        tmp_path / "b.json",
        coco_content({"3.jpg": [HAT], "4.jpg": [HAT], "5.jpg": [HAT], "6.jpg": []}, ("hat",)),
    )
    view = fed(
        """
        keep = dict(**common, metainfo=dict(classes=("hat",)),
                    filter_cfg=dict(filter_empty_gt=False), pipeline=[])
        train_dataloader = dict(
            sampler=dict(type="DefaultSampler", shuffle=True),
            dataset=dict(type="ConcatDataset", datasets=[
                dict(type="RepeatDataset", times=3, dataset=dict(ann_file="a.json", **keep)),
                dict(type="ClassBalancedDataset", oversample_thr=1.0,
                     dataset=dict(ann_file="b.json", **keep)),
                dict(type="MultiImageMixDataset", dataset=dict(ann_file="a.json", **keep),
                     pipeline=[dict(type="RandomCrop", crop_size=(64, 64))])]))
        """
    )
    parts = [drops_of(part) for part in view.parts]

    # A hat is on 3 of 4 images: each is repeated ceil(sqrt(1 / 0.75)) = 2 times.
    assert view.sampler == "DefaultSampler"
    assert [(part.samples, part.empty_samples) for part in parts] == [(6, 3), (7, 1), (1, 0)]
    assert [reasons(part) for part in parts] == [{}, {}, {"2.jpg": "pipeline"}]


def test_a_wrapper_repeats_what_indices_leave(
    fed: Callable[[str], FedData], tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", coco_content({"1.jpg": [], "2.jpg": [HAT]}, ("hat",)))
    view = fed(
        """
        train_dataloader = dict(dataset=dict(type="RepeatDataset", times=2, dataset=dict(
            **common, ann_file="a.json", metainfo=dict(classes=("hat",)), indices=[1])))
        """
    )
    (part,) = (drops_of(part) for part in view.parts)

    assert reasons(part) == {"1.jpg": "other"}
    assert part.images_dropped[0].text == "indices omits it"
    assert (part.samples, part.empty_samples) == (2, 0)


def test_classes_in_another_order_get_each_others_boxes(
    fed: Callable[[str], FedData], tmp_path: Path
) -> None:
    content = coco_content({"1.jpg": [HAT], "2.jpg": [("vest", 50, 10, 30, 30)]}, ("hat", "vest"))
    write_json(tmp_path / "train.json", content)
    template = (
        'train_dataloader = dict(dataset=dict(**common, ann_file="train.json", '
        "metainfo=dict(classes=CLASSES)))"
    )

    def fed_as(classes: tuple[str, ...]) -> list[tuple[str, str]]:
        (part,) = fed(template.replace("CLASSES", repr(classes))).parts
        return [(box.label, box.fed_as) for box in drops_of(part).mislabelled]

    assert fed_as(("hat", "vest")) == []
    assert fed_as(("vest", "hat")) == [("hat", "vest"), ("vest", "hat")]
    assert fed_as(("hat", "boot", "vest")) == [("vest", "boot")]
    assert fed_as(("hat", "vest", "boot")) == []


@pytest.mark.parametrize("allowed", [False, True])
def test_a_crop_refuses_what_it_is_said_to_refuse(
    fed: Callable[[str], FedData], tmp_path: Path, allowed: bool
) -> None:
    content = coco_content({"hat.jpg": [("hat", 0, 0, 100, 100)], "empty.jpg": []}, ("hat",))
    write_json(tmp_path / "train.json", content)
    draw_pictures(tmp_path / "images", {name: name for name in ("hat.jpg", "empty.jpg")})
    text = f"""
        train_dataloader = dict(dataset=dict(
            **common, ann_file="train.json", metainfo=dict(classes=("hat",)), pipeline=[
                dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True),
                dict(type="FilterAnnotations", min_gt_bbox_wh=(1, 1)),
                dict(type="RandomCrop", crop_size=(64, 64), allow_negative_crop={allowed})]))
        """
    (part,) = (drops_of(part) for part in fed(text).parts)

    from mmengine.config import Config
    from mmengine.registry import DATASETS, DefaultScope

    with quiet(), DefaultScope.overwrite_default_scope("mmdet"):
        config = Config.fromfile(str(tmp_path / "train.py"))
        dataset = DATASETS.build(config.train_dataloader.dataset)
        let_by = {
            Path(dataset.get_data_info(row)["img_path"]).name
            for row in range(2)
            if any(dataset.prepare_data(row) is not None for _ in range(10))
        }
    assert {"hat.jpg", "empty.jpg"} - let_by == reasons(part).keys()
    assert reasons(part) == ({} if allowed else {"empty.jpg": "pipeline"})


def test_mixing_comes_before_the_crop(fed: Callable[[str], FedData], tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", coco_content({"1.jpg": [HAT], "2.jpg": []}, ("hat",)))
    view = fed(
        """
        train_dataloader = dict(dataset=dict(
            **common, ann_file="a.json", metainfo=dict(classes=("hat",)), pipeline=[
                dict(type="CachedMosaic", img_scale=(64, 64)),
                dict(type="RandomCrop", crop_size=(64, 64))]))
        """
    )

    assert reasons(drops_of(view.parts[0])) == {}


def test_what_cannot_be_compared_says_so(fed: Callable[[str], FedData], tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="has no train_dataloader with a dataset"):
        fed("")

    write_json(tmp_path / "captions.json", [{"image": "1.jpg", "caption": "a hat"}])
    with pytest.raises(DetectorError, match="CocoCaptionDataset names no annotation file and cla"):
        fed(
            """
            train_dataloader = dict(dataset=dict(
                type="CocoCaptionDataset", ann_file=root + "captions.json",
                data_prefix=dict(img_path="images/")))
            """
        )


def test_a_crash_of_the_configuration_is_a_reason(write_config: Callable[[str], Path]) -> None:
    config = write_config("import os; os.kill(os.getpid(), 9)")

    with pytest.raises(DetectorError, match=r"train\.py: the process was ended by SIGKILL"):
        read_fed_data(config, NoProgress())


def test_a_missing_annotation_file_is_a_reason(write_config: Callable[[str], Path]) -> None:
    config = write_config('train_dataloader = dict(dataset=dict(**common, ann_file="no.json"))')

    with pytest.raises(DetectorError, match=r"cannot be built: FileNotFoundError: .*no\.json"):
        read_fed_data(config, NoProgress())


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"no\.py: there is no such configuration file"):
        read_training_settings(tmp_path / "no.py")


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", TrainingSettings(seed=None, deterministic=False)),
        ("randomness = dict(seed=None)", TrainingSettings(seed=None, deterministic=False)),
        (
            "randomness = dict(seed=0, deterministic=True)",
            TrainingSettings(seed=0, deterministic=True),
        ),
    ],
)
def test_what_is_left_to_chance(
    write_config: Callable[[str], Path], text: str, settings: TrainingSettings
) -> None:
    from mmengine.config import Config

    config = Config.fromfile(str(write_config(text)))

    assert settings_of(config, "train.py") == settings


def test_a_seed_that_is_none_is_refused(write_config: Callable[[str], Path]) -> None:
    from mmengine.config import Config

    config = Config.fromfile(str(write_config('randomness = dict(seed="0")')))

    with pytest.raises(DetectorError, match=r"randomness\.seed is '0', which is no whole number"):
        settings_of(config, "train.py")
