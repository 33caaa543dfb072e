"""Images that are not whole, and images that are turned."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.dataset.images.options import ImageOptions

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


def encoded(kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    picture.save(content, kind, **options)
    return content.getvalue()


def cut_short(content: bytes) -> str | None:
    from pytest_detgate.detector.image_bytes import cut_short as function

    return function(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_whole_pictures(kind: str) -> None:
    content = encoded(kind)
    assert cut_short(content) is None
    assert cut_short(content + b"\0" * 100) is None
    assert cut_short(content + b"camera's own notes \xff\xda") is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_cut_pictures(kind: str) -> None:
    content = encoded(kind)
    assert cut_short(content[:-200])
    assert cut_short(content[: len(content) // 3])
    assert cut_short(b"") == "the file is empty"


def test_a_whole_thumbnail_does_not_hide_a_cut_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9"
    content = encoded("JPEG", exif=exif.tobytes() + encoded("JPEG"))
    assert cut_short(content) is None
    assert cut_short(content[:-200])


def load_turned(
    tmp_path: Path, loader: dict[str, Any], options: ImageOptions
) -> tuple[list[list[int]] | None, str | None]:
    """What a pipeline with this loader makes of four pixels that were stored lying on their side,
    and why it does not."""
    from mmengine.registry import TRANSFORMS

    from pytest_detgate.detector.mmdet.images import _TestImages
    from pytest_detgate.detector.mmdet.stored_wall import Guard

    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # the left column is the upper row, from right to left
    Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)).save(path, exif=exif)
    seen: list[Any] = []

    def keep(results: dict[str, Any]) -> dict[str, Any]:
        seen.append(results["img"][..., 0].tolist())
        return {"inputs": None, "data_samples": None}

    prepared = _TestImages([path], [TRANSFORMS.build(loader), keep], options, Guard())[0]
    return (seen[0] if seen else None), prepared.problem


UPRIGHT = [[4, 1], [5, 2], [6, 3]]
STORED = [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("color_type", ["color", "color_ignore_orientation"])
@pytest.mark.parametrize("backend", ["cv2", "pillow"])
def test_every_loader_sees_the_image_as_its_labels_mean_it(
    tmp_path: Path, color_type: str, backend: str
) -> None:
    loader = {
        "type": "mmcv.LoadImageFromFile",
        "color_type": color_type,
        "imdecode_backend": backend,
    }

    assert load_turned(tmp_path, loader, ImageOptions()) == (UPRIGHT, None)
    assert load_turned(tmp_path, loader, ImageOptions(exif="ignore")) == (STORED, None)


def test_own_loader_that_does_not_turn_an_image_is_found(tmp_path: Path) -> None:
    """A loader of the project that does not turn an image is found out."""
    from mmcv.transforms import LoadImageFromFile
    from mmengine.registry import TRANSFORMS

    @TRANSFORMS.register_module(force=True)
    class OwnLoader(LoadImageFromFile):  # type: ignore[misc]
        def transform(self, results: dict[str, Any]) -> dict[str, Any]:
            with Image.open(results["img_path"]) as image:
                pixels = np.asarray(image.convert("RGB"))
            return {**results, "img": pixels}

    seen, problem = load_turned(tmp_path, {"type": "OwnLoader"}, ImageOptions())

    assert seen is None
    assert problem == (
        "its EXIF orientation makes it 2 × 3, but the loader of the test pipeline does not (exif "
        "under [dataset])"
    )
    assert load_turned(tmp_path, {"type": "OwnLoader"}, ImageOptions(exif="ignore"))[0] == STORED
