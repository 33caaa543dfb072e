"""The data of a training from the cache: when it is used, and what makes it useless."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.testing import coco_content
from pytest_detgate.training import fed_data
from pytest_detgate.training.fed_data import (
    FedData,
    FedDataMessage,
    read_fed_data,
    read_training_settings,
)
from pytest_detgate.training.fed_data_worker import work
from pytest_detgate.training.settings import TrainingSettings
from pytest_detgate.training.view_origin import CachedView
from tests.content import write_json

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

HAT = ("hat", 10, 10, 30, 30)
CONFIG = """
default_scope = "mmdet"
root = "{{ fileDirname }}/"
randomness = dict(seed=3)
train_dataloader = dict(dataset=dict(
    type="CocoDataset", data_root=root, data_prefix=dict(img="images/"),
    ann_file="train.json", metainfo=dict(classes=("hat",)),
    filter_cfg=dict(filter_empty_gt=KEEP_OR_DROP)))
"""


class Project:
    """A training configuration, and how often its data were built."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.built = 0
        self.config = folder / "train.py"
        monkeypatch.setattr(fed_data, "_read_in_process", self.build)

    def build(self, config: Path, content: str, progress: Progress) -> bytes:
        """Do in this process, which has MMDetection imported, what one of its own does."""
        self.built += 1
        result = self.folder / "result"
        arguments = [str(config), content, str(result)]
        messages: list[FedDataMessage] = []
        with quiet():
            code = work(arguments, messages.append)
        if code:
            raise DetectorError(messages[-1].error)
        return result.read_bytes()

    def write(self, text: str = CONFIG, *, drops: bool = False) -> None:
        text = text.replace("KEEP_OR_DROP", str(drops))
        self.config.write_text(text, encoding="utf-8")

    def annotate(self, **images: int) -> None:
        """Write images with that many boxes each, as long ago as makes a file settled."""
        path = self.folder / "train.json"
        content = coco_content({f"{name}.jpg": [HAT] * n for name, n in images.items()}, ("hat",))
        write_json(path, content)
        os.utime(path, (time.time() - 60,) * 2)

    def view(self) -> FedData:
        return read_fed_data(self.config, NoProgress(), self.folder / "cache")

    def images(self) -> list[str]:
        return sorted(Path(image.path).stem for part in self.view().parts for image in part.images)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path, monkeypatch)
    made.write()
    made.annotate(full=1, empty=0)
    time.sleep(0.05)  # a file that changes after the start may have been read before
    return made


def test_unchanged_data_are_built_once(project: Project) -> None:
    first = project.view()
    second = project.view()

    assert first == second
    assert [len(image.boxes) for image in second.parts[0].images] == [1, 0]
    assert project.built == 1


def test_other_annotations_are_read(project: Project) -> None:
    assert project.images() == ["empty", "full"]
    project.annotate(full=1, more=2)

    assert project.images() == ["full", "more"]
    assert project.built == 2


def test_another_configuration_is_read(project: Project) -> None:
    project.images()
    project.write(drops=True)

    assert project.images() == ["full"]
    assert project.built == 2


def test_a_base_of_the_configuration_counts(project: Project) -> None:
    (project.folder / "base.py").write_text(CONFIG.replace("KEEP_OR_DROP", "False"))
    project.write('_base_ = "./base.py"\n')
    assert project.images() == ["empty", "full"]
    (project.folder / "base.py").write_text(CONFIG.replace("KEEP_OR_DROP", "True"))

    assert project.images() == ["full"]


def test_another_version_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.view()
    monkeypatch.setattr(
        "pytest_detgate.training.view_origin.package_state", lambda name: f"other {name}"
    )
    project.view()

    assert project.built == 2


@pytest.mark.parametrize(
    "text",
    [
        'import os\nextra = os.path.getsize("{{ fileDirname }}/extra.txt")\n',
        'custom_imports = dict(imports=["json"])\n',
    ],
    ids=["code", "imports"],
)
def test_a_configuration_that_is_code_is_run(project: Project, text: str) -> None:
    (project.folder / "extra.txt").write_text("1")
    project.write(text + CONFIG)
    project.view()
    project.view()

    assert project.built == 2


def test_class_names_in_a_file_are_read(project: Project) -> None:
    """MMEngine takes the path of a file with names for the names."""
    names = project.folder / "names.txt"
    names.write_text("hat\n")
    project.write(CONFIG.replace('("hat",)', 'root + "names.txt"'))
    assert project.view().parts[0].classes == ["hat"]
    names.write_text("cap\n")

    assert project.view().parts[0].classes == ["cap"]


def test_a_dataset_of_another_kind_is_built(project: Project) -> None:
    project.write(
        CONFIG.replace("CocoDataset", "Objects365V2Dataset").replace('("hat",)', '("hat",)')
    )
    project.view()
    project.view()

    assert project.built == 2


def test_a_wrapped_dataset_is_cached(project: Project) -> None:
    inner = CONFIG.partition("dataset=")[2].rstrip()[:-1]
    project.write(
        f'root = "{{{{ fileDirname }}}}/"\ntrain_dataloader = dict(dataset=dict(\n'
        f'    type="RepeatDataset", times=2, dataset={inner}))\n'
    )
    project.view()

    assert [image.times for image in project.view().parts[0].images] == [2, 2]
    assert project.built == 1


def test_a_damaged_entry_is_built_again(project: Project) -> None:
    first = project.view()
    cache = Cache(project.folder / "cache" / CACHE_FILE)
    view = CachedView(project.config, cache)
    cache.add_facts(view._request, msgspec.msgpack.encode({"request": view._request}))

    assert project.view() == first
    assert project.built == 2


def test_a_file_that_is_gone_is_an_error(project: Project) -> None:
    project.view()
    (project.folder / "train.json").unlink()

    with pytest.raises(DetectorError, match=r"cannot be built: FileNotFoundError: .*train\.json"):
        project.view()


def test_a_relative_path_is_of_the_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write_json(other / "train.json", coco_content({"there.jpg": [HAT]}, ("hat",)))
    project.write(CONFIG.replace('"{{ fileDirname }}/"', '""'))
    monkeypatch.chdir(project.folder)
    assert project.images() == ["empty", "full"]
    monkeypatch.chdir(other)

    assert project.images() == ["there"]


def test_without_a_cache_nothing_is_kept(project: Project) -> None:
    read_fed_data(project.config, NoProgress())
    read_fed_data(project.config, NoProgress())

    assert project.built == 2


@pytest.mark.parametrize(("is_code", "processes"), [(False, 0), (True, 1)])
def test_settings_of_values_need_no_process(
    project: Project, is_code: bool, processes: int
) -> None:
    project.write(("import os\nnow = os.getpid()\n" if is_code else "") + CONFIG)

    settings = read_training_settings(project.config)

    assert settings == TrainingSettings(seed=3, deterministic=False)
    assert project.built == processes
