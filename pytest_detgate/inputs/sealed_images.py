"""Images of sealed probes that other splits and probes have, too, under any name.

What a model finds on them there would show what the seal hides. Equal content decides, or the same
file behind links. An image whose file is not there has only its name to be known by.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_detgate.errors import DetgateError
from pytest_detgate.record.formatting import counted
from pytest_detgate.regular_file import read_beginning, sha256_of_file

if TYPE_CHECKING:
    from pytest_detgate.config.load import Configuration
    from pytest_detgate.dataset.tables import Dataset

_HEAD_BYTES = 1 << 12
_MOST = 0.5
"""A split or probe with more of a sealed probe's images than this share is no accident."""


class Project(Protocol):
    """What is asked of a project."""

    configuration: Configuration

    @property
    def datasets(self) -> tuple[str, ...]: ...

    def read(self, name: str) -> Dataset: ...


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of a split or probe: its file, the number of its bytes and what the system calls
    it, both None where it is not there, and its name and size as the annotations have them."""

    path: Path
    n_bytes: int | None
    inode: tuple[int, int] | None
    name: str
    size: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """Images of a sealed `probe` in another split or probe `name`: `count` of them, which are
    `share` of the probe's; `example` is the first of them, `by_name` says that no file of it is
    there."""

    name: str
    probe: str
    count: int
    share: float
    example: str
    by_name: bool

    def text(self) -> str:
        """Say what is shared, and why it must not be."""
        of_probe = f"of the sealed probe {self.probe}"
        known = ", known by name, because no image file is there" if self.by_name else ""
        return (
            f"{counted(self.count, 'image')} {of_probe} (first {self.example!r}{known}), so it "
            f"would show what the seal hides"
        )


class SealedImages:
    """The images of the sealed probes of a project, and who else has them."""

    def __init__(self, project: Project, probes: Sequence[str]) -> None:
        self._project = project
        self._probes = probes
        self._shared: dict[str, Shared | None] = {}

    def shared_by(self, name: str) -> Shared | None:
        """What another split or probe has of them, of the sealed probe that it has most of; None
        for a sealed one."""
        if name in self._probes:
            return None
        if name not in self._shared:
            images = self._images(name)
            copies = [copy for probe in self._sealed if (copy := probe.shared_by(name, images))]
            self._shared[name] = max(copies, key=lambda copy: copy.count, default=None)
        return self._shared[name]

    @cached_property
    def _sealed(self) -> list[_SealedProbe]:
        return [_SealedProbe(name, self._images(name)) for name in self._probes]

    def _images(self, name: str) -> list[_Image]:
        """The images of a split or probe. If it cannot be read, all files in the folder of a probe
        count; of others, nothing can be shown then."""
        try:
            dataset = self._project.read(name)
        except DetgateError:
            return list(self._files(name))
        images = dataset.images
        sizes = zip(images.width.tolist(), images.height.tolist(), strict=True)
        return [
            _image(dataset.image_path(row), str(images.file_name[row]), size)
            for row, size in enumerate(sizes)
        ]

    def _files(self, name: str) -> Iterator[_Image]:
        table = self._project.configuration.tables.probes.get(name)
        if name not in self._probes or table is None or table.images is None:
            return
        folder = self._project.configuration.locate(table.images)
        for parent, _, files in os.walk(folder):
            for file in files:
                path = Path(parent, file)
                yield _image(path, path.relative_to(folder).as_posix())


class _SealedProbe:
    """The images of a sealed probe by all that an image may be known by."""

    def __init__(self, name: str, images: Sequence[_Image]) -> None:
        self._name = name
        self._images = images
        self._missing = {os.path.realpath(image.path) for image in images if image.n_bytes is None}
        self._inodes = {image.inode for image in images} - {None}
        self._names = {image.name: image for image in images}
        self._of_length: dict[int | None, list[_Image]] = {}
        for image in images:
            self._of_length.setdefault(image.n_bytes, []).append(image)
        self._digests: dict[tuple[Path, bool], str] = {}

    def shared_by(self, name: str, images: Iterable[_Image]) -> Shared | None:
        """The images of another split or probe that this probe has, too."""
        same = [image for image in images if self._has(image)]
        if not same:
            return None
        return Shared(
            name=name,
            probe=self._name,
            count=len(same),
            share=len(same) / len(self._images),
            example=same[0].name,
            by_name=same[0].n_bytes is None,
        )

    def _has(self, image: _Image) -> bool:
        if image.n_bytes is None and os.path.realpath(image.path) in self._missing:
            return True
        if image.inode in self._inodes:
            return True
        # What is empty is no image.
        alike = self._of_length.get(image.n_bytes, []) if image.n_bytes else []
        if any(self._is_copy(image, sealed) for sealed in alike):
            return True
        named = self._names.get(image.name)
        is_unknown = named is not None and None in (named.n_bytes, image.n_bytes)
        return is_unknown and named is not None and _may_be_equal(named.size, image.size)

    def _is_copy(self, first: _Image, second: _Image) -> bool:
        """Whether two files of equal length have equal content; most differ at their start."""
        return all(
            self._digest(first.path, is_head) == self._digest(second.path, is_head)
            for is_head in (True, False)
        )

    def _digest(self, path: Path, is_head: bool) -> str:
        key = path, is_head
        if key not in self._digests:
            try:
                self._digests[key] = (
                    read_beginning(path, _HEAD_BYTES).hex() if is_head else sha256_of_file(path)
                )
            except OSError:
                self._digests[key] = str(path)  # which equals no other
        return self._digests[key]


def require_seals_kept(project: Project, images: SealedImages, detected: Iterable[str]) -> None:
    """Raise `ConfigError` where a split or probe that is not sealed has images of a sealed probe,
    and detections on it are needed (`detected`), or has most of these images."""
    detected, location = frozenset(detected), project.configuration.location
    for name in project.datasets:
        shared = images.shared_by(name)
        if shared is None or (name not in detected and shared.share <= _MOST):
            continue
        is_split = name in project.configuration.tables.dataset.splits
        table = location.table("dataset").table("splits") if is_split else location.table("probes")
        way = ", or look at no detections there" if name in detected else ""
        raise table.table(name).error(f"has {shared.text()}; leave them out or seal it, too{way}")


def _image(path: Path, name: str, size: tuple[float, float] | None = None) -> _Image:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _Image(path, None, None, name, size)
    if not stat.S_ISREG(status.st_mode):
        return _Image(path, None, None, name, size)
    return _Image(path, status.st_size, (status.st_dev, status.st_ino), name, size)


def _may_be_equal(first: tuple[float, float] | None, second: tuple[float, float] | None) -> bool:
    """Whether two sizes are equal, as far as both are known."""
    if first is None or second is None or not all(value > 0 for value in (*first, *second)):
        return True
    return first == second
