"""Files of changed images, which every framework can read."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detector.dependencies.switches import unnoted
from pytest_detgate.detector.image_bytes import read_image, reason_of
from pytest_detgate.image_changes.change import ImageChange, Pixels
from pytest_detgate.temporary.folder import PREFIX, temporary_folder

FOLDER_PREFIX = f"{PREFIX}changed-"
"""How the folders of such files begin. They are on this machine alone."""

_AT_ONCE = 64
_WORKERS = 4
# Of these Pillow would only keep the upper end of the values.
_DEEP_MODES = ("I", "F")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A changed image: its `file`, the digest of the original and its width and height.

    `problem` says why there is no file.
    """

    original: Path
    file: Path | None = None
    sha256: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""


def rendered_images(
    images: Sequence[Path], change: ImageChange, options: ImageOptions
) -> Iterator[list[Rendered]]:
    """Yield changed images in groups, whose files are removed when the next one is asked for.

    No thread is left while the caller has a group: accesses of threads that start while a model
    runs count as accesses of the model.
    """
    for start in range(0, len(images), _AT_ONCE):
        with temporary_folder("changed") as folder:
            with ThreadPoolExecutor(min(_WORKERS, cpu_count() or 1)) as pool:
                futures = [
                    # A folder for each, because code of the project may look at the name.
                    pool.submit(_render, image, Path(folder, str(index)), change, options)
                    for index, image in enumerate(images[start : start + _AT_ONCE])
                ]
            yield [future.result() for future in futures]


def _render(image: Path, folder: Path, change: ImageChange, options: ImageOptions) -> Rendered:
    try:
        # What this thread opens is not opened by the model.
        with unnoted():
            return _changed(image, folder, change, options)
    except Exception as error:  # each decoder has its own errors
        return Rendered(image, problem=reason_of(error))


def _changed(image: Path, folder: Path, change: ImageChange, options: ImageOptions) -> Rendered:
    content, upright = read_image(str(image), options)
    sha256 = hashlib.sha256(content).hexdigest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_image(upright, options.max_pixels) as opened:
            pixels, is_grey = _pixels(opened)
    changed = Image.fromarray(np.ascontiguousarray(change.apply(pixels, change.generator(sha256))))
    encoded = io.BytesIO()
    (changed.convert("L") if is_grey else changed).save(encoded, "PNG", compress_level=1)
    folder.mkdir()
    file = folder / f"{image.stem}.png"
    file.write_bytes(encoded.getvalue())
    return Rendered(image, file, sha256, changed.size)


def _pixels(image: Image.Image) -> tuple[Pixels, bool]:
    """Return red, green and blue of an image, and whether it has only grey."""
    if image.mode.partition(";")[0] in _DEEP_MODES:
        raise ValueError(f"it has more than 8 bits a value ({image.mode}), and is not changed")
    is_grey = image.mode in ("1", "L", "LA")
    return np.asarray(image.convert("L" if is_grey else "RGB").convert("RGB")), is_grey
