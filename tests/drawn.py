"""Pictures drawn by chance: the same name gives the same picture, another name another one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def drawn(name: str, size: tuple[int, int] = (100, 100)) -> Image.Image:
    """A picture of large coloured patches, as far from one of another name as two photos are."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    patches = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def draw_pictures(folder: Path, shows: Mapping[str, str]) -> None:
    """Write each file of `shows` with the picture that its value names."""
    for file_name, name in shows.items():
        path = folder / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(name).save(path)
