"""Cells of an image are those that Pillow makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_hashes import resampling
from pytest_detgate.image_hashes.resampling import cells_of

LEVELS = np.random.default_rng(11)


def noise(rows: int, columns: int) -> NDArray[np.uint8]:
    return LEVELS.integers(0, 256, (rows, columns), dtype=np.uint8)


def black_and_white(rows: int, columns: int) -> NDArray[np.uint8]:
    """Levels beyond 0 and 255 come out of these, and are cut off."""
    return noise(rows, columns) // 128 * 255


def slope(rows: int, columns: int) -> NDArray[np.uint8]:
    return (np.arange(rows)[:, None] + 2 * np.arange(columns)).astype(np.uint8)


def pillows(grey: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(Image.fromarray(grey).resize((9, 8), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("drawn", [noise, black_and_white, slope])
def test_cells_are_those_of_pillow(drawn: Any) -> None:
    sizes = LEVELS.integers(1, 340, (150, 2)).tolist()
    sizes += [[1, 1], [8, 9], [28, 48], [95, 96], [96, 96], [96, 1024], [96, 1025], [2000, 160]]
    # Around the height from which Pillow begins with the columns.
    sizes += [[int(times * 100) + more, 100] for times in (1.9, 2) for more in (-1, 0, 1, 2)]

    for rows, columns in sizes:
        grey = drawn(rows, columns)

        assert np.array_equal(cells_of(grey, 9, 8), pillows(grey)), (rows, columns)


def test_most_sizes_need_no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [(188, 250), (250, 188), (120, 160), (160, 160), (96, 170), (170, 96)]
    expected = [pillows(noise(*size)).shape for size in photos]
    monkeypatch.setattr(resampling, "Image", None)

    assert [cells_of(noise(*size), 9, 8).shape for size in photos] == expected


def test_deep_levels_are_not_rounded() -> None:
    grey = noise(120, 160).astype(np.float32) * 257

    cells = cells_of(grey, 9, 8)

    assert cells.dtype == np.float32
    assert np.array_equal(cells, pillows(grey))


def test_images_of_one_level_have_cells_of_it() -> None:
    """Weights of a cell may add up to a little more or less than one."""
    for size in range(96, 286, 7):
        assert (cells_of(np.full((size, 150), 255, dtype=np.uint8), 9, 8) == 255).all()
