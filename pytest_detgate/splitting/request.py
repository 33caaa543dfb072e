"""What the command `split` is asked for, and where the labels and images of it are."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.dataset.clips.clips import ClipKey
from pytest_detgate.dataset.labels.formats import LISTS_IMAGES
from pytest_detgate.dataset.labels.input_paths import InputPaths
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.labels.yolo.class_names import YAML_SUFFIXES
from pytest_detgate.dataset.labels.yolo.data_yaml import YamlSplit, yaml_splits
from pytest_detgate.errors import ConfigError
from pytest_detgate.regular_file import real_path

_SUFFIXES = frozenset({".json", ".xml", ".txt", ".csv", *YAML_SUFFIXES})
"""Those that say what is in a file."""
_OF_SUFFIX = {**dict.fromkeys(YAML_SUFFIXES, "yolo"), ".xml": "cvat", ".csv": "openimages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest:
    """The files to split, the files to write, and how. `images` are the folders of the annotation
    files: none, one for all, or one for each. `format`, `classes` and `background`, which says that
    nothing is on an image without labels, are those of a split; without a `format` it follows from
    the suffixes. `to_coco` writes COCO files of any format. `with_test` says that
    the images of `test` of a `data.yaml` are split, too.

    `key` tells the clips; where it is None, the format must, and `no_key` is what to say if it does
    not."""

    annotations: Sequence[Path]
    images: Sequence[Path]
    format: str | None = None
    to_coco: bool = False
    with_test: bool = False
    classes: Path | None = None
    background: bool = False
    train: Path
    val: Path
    key: ClipKey | None
    no_key: str = ""
    val_share: float
    seed: int

    @property
    def kind(self) -> str:
        """The format of the labels."""
        return self.format or _OF_SUFFIX.get(self.annotations[0].suffix.lower(), "coco")

    @property
    def data_yaml(self) -> Path | None:
        """The one `data.yaml` that is split."""
        is_yaml = len(self.annotations) == 1 and self.annotations[0].suffix.lower() in YAML_SUFFIXES
        return self.annotations[0] if is_yaml else None

    @property
    def folders(self) -> list[Path]:
        """The folder of the images of each annotation file."""
        folders = [real_path(folder) for folder in self.images or [Path()]]
        return folders * len(self.annotations) if len(folders) == 1 else folders


def check(request: SplitRequest) -> None:
    """Refuse what contradicts itself, with `ConfigError`."""
    if request.data_yaml is not None:
        _check_yaml(request)
    elif request.with_test:
        raise ConfigError("--with-test: only a data.yaml has a `test`; omit --with-test")
    elif request.kind == "coco":
        _check_coco(request)
    elif not request.images:
        raise ConfigError(f"--format {request.kind}: name the folder of the images: --images")
    if not 0 < request.val_share < 1:
        raise ConfigError(
            f"--val-share: expected a number between 0 and 1, found {request.val_share:g}"
        )
    if len(request.images) not in (0, 1, len(request.annotations)):
        raise ConfigError(
            "--images: expected none, one, or one for each annotation file "
            f"({len(request.annotations)}), found {len(request.images)}"
        )
    if real_path(request.train) == real_path(request.val):
        raise ConfigError(f"--train and --val both name {request.train}")
    _check_outputs(request)


def label_files(request: SplitRequest) -> list[SplitFiles]:
    """Return where labels and images of each source are, for formats besides COCO."""
    if request.data_yaml is not None:
        test = ("test",) if request.with_test else ()
        splits = yaml_splits(request.data_yaml, ("train", "val", *test))
        counts = Counter(name for name, _ in splits)
        return [
            dataclasses.replace(
                yaml_files(request.data_yaml, name, split, background=request.background),
                is_part=counts[name] > 1,
            )
            for name, split in splits
        ]
    return [
        SplitFiles(
            name=path.stem,
            labels=path,
            images=folder,
            classes=request.classes,
            background=request.background,
        )
        for path, folder in zip(request.annotations, request.folders, strict=True)
    ]


def yaml_files(file: Path, name: str, split: YamlSplit, *, background: bool) -> SplitFiles:
    """Return where labels and images of a split of a `data.yaml` are."""
    return SplitFiles(
        name=name,
        labels=split.labels,
        images=split.images,
        classes=file,
        listed=split.listed,
        background=background,
    )


def _check_outputs(request: SplitRequest) -> None:
    suffix, what = _written(request)
    for option, path in (("--train", request.train), ("--val", request.val)):
        if path.exists():
            raise ConfigError(f"{path} exists, and is not overwritten; name another file")
        if path.suffix.lower() in _SUFFIXES - {suffix}:
            hint = ", or add --to-coco for COCO files" if path.suffix.lower() == ".json" else ""
            raise ConfigError(f"{option}: {path}: {what}; name a file that ends in {suffix}{hint}")
    if request.kind == "coco":
        return
    inputs = InputPaths()
    for files in label_files(request):
        inputs.add_labels(files, request.kind)
    for option, path in (("--train", request.train), ("--val", request.val)):
        inputs.refuse(path, option)


def _written(request: SplitRequest) -> tuple[str, str]:
    """The suffix of the files that are written, and what they are."""
    if request.to_coco or request.kind in LISTS_IMAGES - {"cvat"}:
        return ".json", "a JSON file is written"
    if request.kind == "cvat":
        return ".xml", "an XML file is written"
    return ".txt", "a list of images is written, one a line"


def _check_yaml(request: SplitRequest) -> None:
    file = request.annotations[0]
    if request.with_test and not yaml_splits(file, ("test",)):
        raise ConfigError(f"--with-test: {file} has no `test`; omit --with-test")
    if request.format not in (None, "yolo"):
        raise ConfigError(
            f"--format {request.format}: {request.annotations[0]} is of YOLO labels; omit --format"
        )
    for option, value in (("--images", request.images), ("--classes", request.classes)):
        if value:
            raise ConfigError(f"{option}: {request.annotations[0]} says it itself; omit {option}")


def _check_coco(request: SplitRequest) -> None:
    for path in request.annotations:
        if path.is_dir():
            raise ConfigError(
                f"{path}: expected a data.yaml or a file of labels; for a folder of labels, name "
                "their format with --format and their images with --images"
            )
        if path.suffix.lower() in _OF_SUFFIX:
            raise ConfigError(
                f"{path}: is of another format than {request.annotations[0]}; split one of them"
            )
