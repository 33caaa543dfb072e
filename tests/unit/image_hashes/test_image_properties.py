"""Properties of images, worked out by hand on images that are drawn for it."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_hashes.decoding import decode
from pytest_detgate.image_hashes.properties import Properties, measured, properties_of
from tests.drawn import drawn

SIDE = 120


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def properties(shown: Image.Image | NDArray[Any], form: str = "PNG", **options: Any) -> Properties:
    picture = shown if isinstance(shown, Image.Image) else Image.fromarray(shown)
    image = measured(decode(encoded(picture, form, **options)))
    return Properties(*properties_of([image]).tolist()[0])


def halves(low: int, high: int, kind: str = "uint8") -> NDArray[Any]:
    """A quarter of the image at one level, the rest at another."""
    levels = np.full((SIDE, SIDE), high, dtype=kind)
    levels[:, : SIDE // 4] = low
    return levels


def test_levels_of_two_halves() -> None:
    """A quarter at 51 (0.2) and the rest at 204 (0.8): mean 0.65, deviation 0.6 √(1/4 · 3/4)."""
    result = properties(halves(51, 204))

    assert result.brightness == pytest.approx(0.65)
    assert result.contrast == pytest.approx(0.6 * math.sqrt(3 / 16))
    assert (result.darkest, result.dark, result.bright) == pytest.approx((0.2, 0.2, 0.8))
    assert (result.width, result.height) == (SIDE, SIDE)
    assert (result.blue, result.red, result.colour) == (0, 0, 0)


def test_sharpness_of_an_edge() -> None:
    """Of 118 columns inside, the one before the edge has the Laplacian d, the one after it -d."""
    result = properties(halves(51, 204))

    laplacian = 0.6 * math.sqrt(2 / (SIDE - 2))
    assert result.sharpness == pytest.approx(laplacian / result.contrast)


def test_exposure_does_not_change_sharpness() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    grey = Image.fromarray(noise)
    darker = grey.point(lambda level: level * 0.5)

    assert properties(darker).sharpness == pytest.approx(properties(grey).sharpness, rel=0.05)
    assert properties(darker).brightness == pytest.approx(properties(grey).brightness / 2, rel=0.02)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_level_has_neither_contrast_nor_sharpness(level: int) -> None:
    result = properties(np.full((SIDE, SIDE), level, dtype=np.uint8))

    assert result.brightness == pytest.approx(level / 255)
    assert (result.contrast, result.sharpness) == (0, 0)
    assert result.bright - result.darkest == 0


def test_blur_takes_sharpness_away() -> None:
    from PIL import ImageFilter

    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    sharp = Image.fromarray(noise)

    soft = properties(sharp.filter(ImageFilter.GaussianBlur(3))).sharpness

    # Of white noise, the squares of the Laplacian's weights add up to 20.
    assert properties(sharp).sharpness == pytest.approx(math.sqrt(20), rel=0.03)
    assert soft < 0.5


def test_colour_is_that_of_the_standard() -> None:
    """Pure red has Cb = -0.1687 and Cr = 0.5 (JFIF 1.02, section 3)."""
    result = properties(Image.new("RGB", (SIDE, SIDE), (255, 0, 0)))

    assert result.brightness == pytest.approx(0.299, abs=0.003)
    assert (result.blue, result.red) == pytest.approx((-0.1687, 0.5), abs=0.004)
    assert result.colour == pytest.approx(math.hypot(0.1687, 0.5), abs=0.004)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("size", [(1280, 960), (500, 375), (320, 640), (90, 70)])
def test_formats_and_sizes_agree(form: str, size: tuple[int, int]) -> None:
    """JPEG is decoded to a part of its size; the numbers are those of the whole image."""
    picture = drawn("yard", size)
    pixels = np.asarray(picture.convert("L"), dtype=np.float64) / 255

    result = properties(picture, form, **({"quality": 95} if form in ("JPEG", "WEBP") else {}))

    assert result.brightness == pytest.approx(pixels.mean(), abs=0.005)
    assert result.contrast == pytest.approx(pixels.std(), abs=0.01)
    assert result.dark == pytest.approx(np.quantile(pixels, 0.05), abs=0.02)
    assert (result.width, result.height) == size


def test_size_is_that_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    result = properties(drawn("yard", (640, 480)), "JPEG", exif=exif)

    assert (result.width, result.height) == (480, 640)


@pytest.mark.parametrize(
    ("kind", "form", "low", "high"),
    [
        ("uint16", "PNG", 51 * 257, 204 * 257),
        ("int32", "TIFF", 51 * 257, 204 * 257),
        ("float32", "TIFF", 0.2, 0.8),
        ("float32", "TIFF", 51, 204),
    ],
)
def test_deep_images_are_shares_of_their_range(
    kind: str, form: str, low: float, high: float
) -> None:
    levels = np.full((SIDE, SIDE), high, dtype=kind)
    levels[:, : SIDE // 4] = low

    result = properties(levels, form)

    assert result.brightness == pytest.approx(0.65, abs=0.002)
    assert (result.dark, result.bright) == pytest.approx((0.2, 0.8), abs=0.003)


def test_pixels_that_are_no_numbers_are_not_measured() -> None:
    levels = np.full((SIDE, SIDE), 0.5, dtype=np.float32)
    levels[3, 4] = np.nan

    result = properties(levels, "TIFF")

    assert all(math.isnan(value) for value in result[:-2])
    assert (result.width, result.height) == (SIDE, SIDE)


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "CMYK", "LA"])
def test_every_mode_is_measured(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"

    result = properties(Image.fromarray(halves(0, 255)).convert(mode), form)

    assert result.brightness == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (3000, 1)])
def test_narrow_images_are_measured(size: tuple[int, int]) -> None:
    result = properties(Image.new("L", size, 51))

    assert result.brightness == pytest.approx(0.2)
    assert result.sharpness == 0


def test_images_measured_together_are_measured_as_each_alone() -> None:
    """In colour, in grey, of one level, and one whose pixels are no numbers."""
    unmeasured = np.full((SIDE, SIDE), np.inf, dtype=np.float32)
    pictures = [
        encoded(drawn("yard", (640, 480)), "JPEG"),
        encoded(drawn("yard").convert("L")),
        encoded(Image.fromarray(unmeasured), "TIFF"),
        encoded(Image.new("RGB", (SIDE, SIDE), (255, 0, 0))),
        encoded(Image.new("L", (4, 300), 51)),
    ]
    images = [measured(decode(picture)) for picture in pictures]

    together = properties_of(images)

    alone = np.concatenate([properties_of([image]) for image in images])
    assert np.array_equal(together, alone, equal_nan=True)
    assert np.isnan(together).all(axis=1).tolist() == [False] * 5
    assert np.isnan(together).any(axis=1).tolist() == [False, False, True, False, False]


def test_no_images_have_no_properties() -> None:
    assert properties_of([]).shape == (0, len(Properties._fields))
