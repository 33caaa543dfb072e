"""What rules ask of splits and probes: tables, clips, frames, digests of images."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.progress import Progress
from pytest_detgate.temporary.folder import temporary_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_detgate.dataset.class_counts import ClassCounts
    from pytest_detgate.dataset.clips.clips import ClipKey, Clips
    from pytest_detgate.dataset.clips.frames import FrameKey, Frames
    from pytest_detgate.dataset.clips.name_groups import NameGroups
    from pytest_detgate.dataset.tables import Dataset, ImageTable
    from pytest_detgate.image_hashes.image_keys import ImageKeys
    from pytest_detgate.image_hashes.image_looks import ImageLooks
    from pytest_detgate.inputs.project import Project

T = TypeVar("T")


class Memory:
    """Inputs that were made, and the reasons why others could not be."""

    def __init__(
        self, refuse: Callable[[Hashable], None] | None = None, *, of_data: bool = False
    ) -> None:
        """`refuse` raises a `DetgateError` for the key of an input that must not be seen.
        `of_data` says that no input depends on a model, and so no reason tells anything of one."""
        self._made: dict[Hashable, object] = {}
        self._refuse = refuse
        self._of_data = of_data

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns or refuses, made once for each key."""
        if self._refuse is not None:
            self._refuse(key)
        if key not in self._made:
            try:
                self._made[key] = make()
            except DetgateError as error:
                if self._of_data and error.of_data is None:
                    error.of_data = True
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, DetgateError):
            # A fresh object: an exception that is raised again collects tracebacks.
            raise copy.copy(made)
        return cast(T, made)

    def made(self, key: Hashable, kind: type[T]) -> T | None:
        """What was made for a key, if it was asked for and could be made."""
        made = self._made.get(key)
        return made if isinstance(made, kind) else None


class DataInputs:
    """The inputs that need no model. What cannot be made raises a `DetgateError` with the reason,
    which makes the item *not evaluated*."""

    def __init__(
        self, project: Project, data: Memory, *, cache: Path | None, progress: Progress
    ) -> None:
        """`data` remembers what was read; several models share it. `cache` is the cache's folder;
        without one, what is computed of images is forgotten."""
        self.project = project
        self.data = data
        self.cache = cache
        self.progress = progress

    def tables(self, name: str) -> Dataset:
        """The tables of a split or probe just as its file has them, for rules on integrity."""

        def make() -> Dataset:
            query = self.project.query(name)
            if query is None or query.fields:
                return self.project.read(name)
            from pytest_detgate.dataset.queries import select

            return select(query, self.tables(query.split), name)  # which is read only once

        return self.data.once(("dataset", name), make)

    def dataset(self, name: str) -> Dataset:
        """The tables of a split or probe that has images, each with its own id, so that it
        is certain which image an annotation belongs to."""
        from pytest_detgate.dataset.ids import repeated

        dataset = self.tables(name)
        if not len(dataset.images):
            where = dataset.annotations or dataset.images_dir
            raise DataError(f"{name} has no images ({self.project.relative(where)})")
        twice = self.data.once(("repeated ids", name), lambda: repeated(dataset.images.id))
        if twice:
            raise DataError(
                f"{name}: image id {twice[0]!r} is used for several images, so it is unknown "
                "which of them an annotation belongs to"
            )
        return dataset

    def class_counts(self, name: str) -> ClassCounts:
        """How often each class of such a split or probe occurs."""
        from pytest_detgate.dataset.class_counts import class_counts

        return self.data.once(("class counts", name), lambda: class_counts(self.dataset(name)))

    def images_with(self, name: str, field: str) -> ImageTable:
        """The images of such a split or probe with one further field of their file's entries;
        `fields` lacks it where no entry can have any, as in a folder of images."""

        def make() -> ImageTable:
            self.dataset(name)  # refuses images that cannot be distinguished
            return self.project.read(name, (field,)).images

        return self.data.once(("images with", name, field), make)

    def name_groups(self, name: str, pattern: re.Pattern[str]) -> NameGroups:
        """The named groups of a pattern in the file names of a split or probe. Every name is
        searched once for all rules that ask; nobody may change what they get."""
        from pytest_detgate.dataset.clips.name_groups import groups_of

        def make() -> NameGroups:
            return groups_of(self.dataset(name).images.file_name.tolist(), pattern)

        return self.data.once(("name groups", name, pattern), make)

    def clips(self, name: str, key: ClipKey) -> Clips:
        """The clip of each image of a split or probe."""
        from pytest_detgate.dataset.clips.clips import clips_in_names, clips_of

        def make() -> Clips:
            if key.field is None and key.pattern is not None:
                return clips_in_names(self.name_groups(name, key.pattern))
            return clips_of(self._images(name, key.field), key)

        return self.data.once(("clips", name, key), make)

    def frames(self, name: str, key: FrameKey) -> Frames:
        """The clip and frame number of each image of a split or probe."""
        from pytest_detgate.dataset.clips.frames import frames_of, numbered_frames

        def make() -> Frames:
            images = self._images(name, key.field)
            clips = self.clips(name, key.clip)
            if key.field is None and key.pattern is not None:
                return numbered_frames(clips, self.name_groups(name, key.pattern)["frame"])
            return frames_of(images, clips, key)

        return self.data.once(("frames", name, key), make)

    def image_looks(self, name: str) -> ImageLooks:
        """Digest, hash and properties of each image of a split or probe, which is decoded once for
        all of them; those of images that cannot be read are missing."""
        return self._image_looks(name, decoded=True)

    def pictures(self, name: str, *, hashed: bool) -> ImageKeys:
        """What tells the images of a split or probe apart: the digests of their bytes and, where
        `hashed`, their perceptual hashes."""
        from pytest_detgate.image_hashes.image_keys import keys_of

        def make() -> ImageKeys:
            return keys_of(self._image_looks(name, decoded=hashed), hashed=hashed)

        return self.data.once(("pictures", name, hashed), make)

    def _image_looks(self, name: str, *, decoded: bool) -> ImageLooks:
        from pytest_detgate.cache.cache import Cache
        from pytest_detgate.cache.sqlite_file import CACHE_FILE
        from pytest_detgate.image_hashes.image_looks import compute_looks

        def make() -> ImageLooks:
            dataset = self.dataset(name)
            with contextlib.ExitStack() as stack:
                folder = self.cache or stack.enter_context(temporary_folder("cache"))
                cache = Cache(folder / CACHE_FILE)
                return compute_looks(dataset, cache, self.progress, decoded=decoded)

        return self.data.once(("looks", name, decoded), make)

    def image_sizes(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 2) width and height of some images of a split or probe, as their files say; NaN
        where one cannot be read."""
        from pytest_detgate.dataset.images.sizes import sizes_of_files

        def make() -> NDArray[np.float64]:
            dataset = self.dataset(name)
            names = dataset.images.file_name[rows].tolist()
            return sizes_of_files(dataset.images_dir, names, dataset.image_options)

        return self.data.once(("image sizes", name, rows.tobytes()), make)

    def images_sha256(self, name: str) -> str | None:
        """A digest of the images of a split or probe by name and content; None where one of them
        cannot be read."""
        from pytest_detgate.inputs.fingerprints import images_sha256

        def make() -> str | None:
            with contextlib.suppress(DataError):
                keys = self.pictures(name, hashed=False)
                return images_sha256(self.dataset(name), keys.digest)
            return None

        return self.data.once(("images digest", name), make)

    def _images(self, name: str, field: str | None) -> ImageTable:
        return self.dataset(name).images if field is None else self.images_with(name, field)
