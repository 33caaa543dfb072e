"""Changes of images: pixels and boxes worked out by hand."""

from __future__ import annotations

import importlib.metadata
import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.image_changes.corruptions.corruption import (
    CORRUPTIONS,
    Corruption,
    CorruptionName,
)
from pytest_detgate.image_changes.corruptions.strength import SEVERITIES
from pytest_detgate.image_changes.small import Blur, Brightness, Flip, Jpeg, Scale, Shift

Pixels = NDArray[np.uint8]
ANY = "0" * 64


def grey(height: int = 40, width: int = 60, value: int = 128) -> Pixels:
    return np.full((height, width, 3), value, dtype=np.uint8)


def scene() -> Pixels:
    """Patches of many colours, smooth and with edges, as a photo has them."""
    random = np.random.default_rng(0)
    small = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((96, 72), Image.Resampling.BICUBIC))


def applied(change: ImageChange, pixels: Pixels, sha256: str = ANY) -> Pixels:
    return change.apply(pixels, change.generator(sha256))


def corners(*values: float) -> NDArray[np.float32]:
    return np.array([values], dtype=np.float32)


def test_a_shift_moves_pixels_and_repeats_the_edge() -> None:
    row = np.array([10, 20, 30, 40], np.uint8)
    pixels = np.repeat(row[None, :, None], 3, axis=2)

    assert applied(Shift(1, 0), pixels)[0, :, 0].tolist() == [10, 10, 20, 30]
    assert applied(Shift(-2, 0), pixels)[0, :, 0].tolist() == [30, 40, 40, 40]


def test_boxes_on_a_shifted_image() -> None:
    change = Shift(3, -2)

    assert change.map_back(corners(13, 8, 23, 28), (100, 50)).tolist() == [[10, 10, 20, 30]]
    assert change.visible((100, 50)) == (0, 2, 97, 50)


def test_a_scaled_image_keeps_its_size() -> None:
    """A square of 20 about the centre of 100 × 60 becomes one of 30, or of 10."""
    pixels = grey(60, 100, 0)
    pixels[20:40, 40:60] = 255
    for factor, side in ((1.5, 30), (0.5, 10)):
        changed = applied(Scale(factor), pixels)
        assert changed.shape == pixels.shape
        inside = np.argwhere(changed[:, :, 0] > 127)
        assert (np.ptp(inside, axis=0) + 1).tolist() == [side, side]


def test_boxes_on_a_scaled_image() -> None:
    """100 × 60 becomes 150 × 90, of which 25 and 15 pixels are cut off on each side."""
    larger, smaller = Scale(1.5), Scale(0.5)

    assert larger.map_back(corners(35, 15, 65, 45), (100, 60)).tolist() == [[40, 20, 60, 40]]
    left, top, right, bottom = larger.visible((100, 60))
    assert (left, top) == pytest.approx((50 / 3, 10))
    assert (right, bottom) == pytest.approx((250 / 3, 50))
    assert smaller.map_back(corners(45, 25, 55, 35), (100, 60)).tolist() == [[40, 20, 60, 40]]
    assert smaller.visible((100, 60)) == (0, 0, 100, 60)


def test_a_flip_exchanges_left_and_right() -> None:
    pixels = scene()
    change = Flip()

    assert np.array_equal(applied(change, pixels), pixels[:, ::-1])
    assert np.array_equal(applied(change, applied(change, pixels)), pixels)
    assert change.map_back(corners(10, 5, 30, 25), (100, 50)).tolist() == [[70, 5, 90, 25]]


@pytest.mark.parametrize("change", [Shift(0, 0), Scale(1.0), Brightness(0.0), Blur(0.0)])
def test_a_change_of_no_strength_changes_nothing(change: ImageChange) -> None:
    pixels, box = scene(), corners(1.1, 2.2, 33.3, 44.4)

    assert np.array_equal(applied(change, pixels), pixels)
    assert np.array_equal(change.map_back(box, (96, 72)), box)
    assert change.visible((96, 72)) == (0, 0, 96, 72)


def test_brightness_and_blur_by_hand() -> None:
    assert applied(Brightness(0.2), grey(value=100)).tolist() == grey(value=120).tolist()
    assert applied(Brightness(-0.2), grey(value=100)).tolist() == grey(value=80).tolist()
    assert applied(Brightness(0.2), grey(value=250)).max() == 255
    point = grey(41, 41, 0)
    point[20, 20] = 255
    # A Gaussian with a standard deviation of 1 is 1 / 2π at its centre.
    assert applied(Blur(1.0), point)[20, 20, 0] == pytest.approx(255 / (2 * math.pi), abs=1)


def test_jpeg_is_that_of_pillow() -> None:
    encoded = io.BytesIO()
    Image.fromarray(scene()).save(encoded, "JPEG", quality=30)

    assert np.array_equal(applied(Jpeg(30), scene()), np.asarray(Image.open(encoded)))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_worse_at_higher_severity(name: CorruptionName) -> None:
    pixels = scene()
    errors = []
    for severity in SEVERITIES:
        changed = [applied(Corruption(name, severity), pixels, f"{n}") for n in range(8)]
        assert {(entry.shape, entry.dtype.name) for entry in changed} == {(pixels.shape, "uint8")}
        errors.append(float(np.mean([(entry.astype(float) - pixels) ** 2 for entry in changed])))

    # Of frost and glass the published strengths 3 and 5 are about as far from the original.
    assert errors[0] < min(errors[2], errors[4])


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (33, 64)])
@pytest.mark.parametrize("value", [0, 255])
def test_corruptions_of_images_of_any_size(
    name: CorruptionName, shape: tuple[int, int], value: int
) -> None:
    for severity in (1, 5):
        assert applied(Corruption(name, severity), grey(*shape, value)).shape == (*shape, 3)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_image_is_corrupted_alike(name: CorruptionName) -> None:
    change = Corruption(name, 3)
    first, again, other = (applied(change, scene(), sha256) for sha256 in ("a", "a", "b"))
    is_random = name not in (
        *("defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg-compression"),
    )

    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (not is_random)


def test_noise_has_the_published_strength() -> None:
    """On a grey of 0.5: the standard deviations are 0.08 and the root of 0.5 / 60, and 3% of the
    values are black or white. The second is that of Poisson's distribution."""
    image = grey(200, 200, 127)
    assert applied(Corruption("gaussian-noise", 1), image).std() / 255 == pytest.approx(0.08, 0.02)
    photons = math.sqrt(127 / 255 / 60)
    assert applied(Corruption("shot-noise", 1), image).std() / 255 == pytest.approx(photons, 0.02)
    impulse = applied(Corruption("impulse-noise", 1), image)
    assert (impulse != 127).mean() == pytest.approx(0.03, 0.1)
    assert set(np.unique(impulse)) == {0, 127, 255}


def test_light_by_hand() -> None:
    """The value of (51, 102, 0) is 0.4, and 0.5 is 1.25 times that; contrast keeps 0.4 of the
    distance to the mean of 100."""
    pixel = np.array([[[51, 102, 0]]], np.uint8)
    assert applied(Corruption("brightness", 1), pixel).tolist() == [[[64, 128, 0]]]
    two = np.concatenate([grey(1, 1, 50), grey(1, 1, 150)], axis=1)
    assert applied(Corruption("contrast", 1), two)[0, :, 0].tolist() == [80, 120]


@pytest.mark.parametrize("name", ["glass-blur", "motion-blur", "zoom-blur"])
def test_a_blur_leaves_an_even_image(name: CorruptionName) -> None:
    assert applied(Corruption(name, 5), grey()).tolist() == grey().tolist()


def test_the_key_has_all_that_decides_pixels() -> None:
    changes: list[ImageChange] = [Shift(1, 2), Shift(2, 1), Flip(), Jpeg(30), Jpeg(31)]
    changes += [Corruption(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
    changes += [Scale(1.1), Brightness(0.1), Blur(0.1)]

    assert len({change.key for change in changes}) == len(changes)
    assert len({change.digest(sha) for change in changes for sha in "ab"}) == 2 * len(changes)
    pillow = importlib.metadata.version("pillow")
    assert all(pillow in change.key for change in changes)
