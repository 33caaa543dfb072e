"""Which way up an image is, how large it may be, and where links may lead: the same everywhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.dataset.images.opening import (
    image_formats,
    image_suffixes,
    open_image,
    orientation,
    pixels_of,
    size_of,
    stored_size,
)
from pytest_detgate.dataset.images.options import Exif, ImageOptions, refused_links
from pytest_detgate.detector.image_bytes import read_image
from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.record.report import DatasetRecord, ProbeRecord
from pytest_detgate.report.figures.thumbnails import ImageFolders
from tests.content import READS_AVIF
from tests.judged import judged, measured
from tests.rules.split_files import judged_split
from tests.unit.label_files import READERS, split, write

MANY = 10**9
# The corners of the scene, clockwise from the upper left one, are these greys. Its camera was held
# in eight ways; what it stored, read from the upper left corner clockwise, by EXIF orientation
# (https://www.media.mit.edu/pia/Research/deepview/exif.html).
SCENE = (10, 80, 150, 220)
STORED = {
    1: (10, 80, 150, 220),
    2: (80, 10, 220, 150),
    3: (150, 220, 10, 80),
    4: (220, 150, 80, 10),
    5: (10, 220, 150, 80),
    6: (80, 150, 220, 10),
    7: (150, 80, 10, 220),
    8: (220, 10, 80, 150),
}
WIDTH, HEIGHT = 64, 32


def with_corners(size: tuple[int, int], corners: tuple[int, ...]) -> Image.Image:
    """An image of four quarters with these greys, clockwise from the upper left one."""
    left, right, lower_right, lower_left = corners
    pixels = np.array([[left, right], [lower_left, lower_right]], np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)


def corners_of(pixels: NDArray[Any]) -> tuple[int, ...]:
    """The greys of the corners, clockwise from the upper left one."""
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    return tuple(int(grey[index]) for index in ((0, 0), (0, -1), (-1, -1), (-1, 0)))


def photo(path: Path, turn: int, kind: str = "PNG", mode: str = "RGB") -> Path:
    """A photo of the scene, 64 × 32 when it is upright, stored without loss."""
    sideways = turn in (5, 6, 7, 8)
    size = (HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT)
    exif = Image.Exif()
    exif[0x0112] = turn
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "JPEG":
        options["quality"] = 100
    with_corners(size, STORED[turn if turn in STORED else 1]).convert(mode).save(
        path, kind, exif=exif, **options
    )
    return path


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_in_every_format(tmp_path: Path, turn: int, kind: str) -> None:
    content = photo(tmp_path / "a", turn, kind).read_bytes()
    stored = (HEIGHT, WIDTH) if turn > 4 else (WIDTH, HEIGHT)
    close = 3 if kind == "JPEG" else 0

    for exif, size, corners in (
        (None, (WIDTH, HEIGHT), SCENE),
        ("apply", (WIDTH, HEIGHT), SCENE),
        ("ignore", stored, STORED[turn]),
    ):
        options = ImageOptions(exif=exif)  # type: ignore[arg-type]
        with open_image(content, MANY) as image:
            assert orientation(image) == turn
            assert stored_size(image) == stored
            assert size_of(image, options) == size
            pixels = pixels_of(image, options)
        assert pixels.size == size
        assert corners_of(np.asarray(pixels)) == pytest.approx(corners, abs=close)


@pytest.mark.parametrize("turn", [0, 9, 42, 65535])
def test_an_orientation_that_does_not_exist_is_no_orientation(tmp_path: Path, turn: int) -> None:
    path = photo(tmp_path / "images" / "a.png", turn)
    image = {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}

    with open_image(path.read_bytes(), MANY) as opened:
        assert orientation(opened) == 1
    result = judged_split(tmp_path, "[rules.image-files]", {"images": [image], "categories": []})
    assert result.verdict == "passed"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_are_no_orientation(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 4)).save(content, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xffnothing")

    with open_image(content.getvalue(), MANY) as image:
        assert orientation(image) == 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("turn", [1, 3, 5, 6])
def test_every_decoder_of_a_model_sees_the_image_that_is_meant(
    tmp_path: Path, turn: int, kind: str
) -> None:
    """OpenCV turns a JPEG unless it is told not to, and never a WebP: it is given what needs no
    turn."""
    cv2 = pytest.importorskip("cv2")
    path = photo(tmp_path / "a", turn, kind)
    for exif, corners in (("apply", SCENE), ("ignore", STORED[turn])):
        content, given = read_image(str(path), ImageOptions(exif=exif))  # type: ignore[arg-type]
        assert content == path.read_bytes()
        assert (given is content) == (turn == 1)
        for flags in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
            pixels = cv2.imdecode(np.frombuffer(given, np.uint8), flags)
            assert corners_of(pixels) == pytest.approx(corners, abs=3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_every_mode_are_turned(tmp_path: Path, mode: str) -> None:
    path = photo(tmp_path / "a", 6, "TIFF", mode)

    _, given = read_image(str(path), ImageOptions(exif="ignore"))

    with open_image(given, MANY) as image:
        assert orientation(image) == 1
        assert image.size == (HEIGHT, WIDTH)
        if mode in ("L", "I;16", "F"):
            assert corners_of(np.asarray(image)) == STORED[6]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("turn", range(2, 9))
def test_a_turned_copy_has_the_same_hash(tmp_path: Path, turn: int, kind: str) -> None:
    upright = photo(tmp_path / "a", 1, kind).read_bytes()

    assert difference_hash(photo(tmp_path / "b", turn, kind).read_bytes()) == difference_hash(
        upright
    )


OPTION = '[dataset]\nexif = "{}"\n'


@pytest.mark.parametrize(
    ("option", "stated", "verdict", "reason"),
    [
        # Nobody has said what is meant: it is reported either way.
        ("", (WIDTH, HEIGHT), "failed", 'say so: exif = "apply"'),
        ("", (HEIGHT, WIDTH), "failed", "the stated size is that of the pixels as they are stored"),
        ("", None, "failed", 'say so: exif = "apply"'),
        ("", (5, 5), "failed", "EXIF orientation 6"),
        (OPTION.format("apply"), (WIDTH, HEIGHT), "passed", ""),
        (OPTION.format("apply"), None, "passed", ""),
        (OPTION.format("apply"), (HEIGHT, WIDTH), "failed", "the pixels as they are stored"),
        (OPTION.format("apply"), (5, 5), "failed", "width 64, stated as 5"),
        (OPTION.format("ignore"), (HEIGHT, WIDTH), "failed", 'with exif = "ignore"'),
    ],
)
def test_image_files_tells_which_images_turn(
    tmp_path: Path, option: str, stated: tuple[int, int] | None, verdict: str, reason: str
) -> None:
    photo(tmp_path / "images" / "a.png", 6)
    sizes = {} if stated is None else {"width": stated[0], "height": stated[1]}
    content = {"images": [{"id": 1, "file_name": "a.png", **sizes}], "categories": []}

    result = judged_split(tmp_path, "[rules.image-files]", content, dataset=option)

    assert result.verdict == verdict
    assert [reason in finding.text for finding in result.findings] == [True] * bool(reason)


@pytest.mark.parametrize(
    ("exif", "size", "box"),
    [(None, (64, 32), [16, 4, 32, 8]), ("ignore", (32, 64), [8, 8, 16, 16])],
)
@pytest.mark.parametrize("name", ["yolo", "openimages"])
def test_shares_are_of_the_image_that_is_meant(
    tmp_path: Path, name: str, exif: Exif | None, size: tuple[int, int], box: list[float]
) -> None:
    """0.25 to 0.75 of the width, and 0.125 to 0.375 of the height."""
    photo(tmp_path / "images" / "a.png", 6)
    write(
        tmp_path,
        {
            "labels/a.txt": "0 0.5 0.25 0.5 0.25",
            "names.txt": "cone",
            "a.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax\na,cone,0.25,0.75,0.125,0.375\n",
        },
    )
    where = {"yolo": "labels", "openimages": "a.csv"}[name]
    names = {"classes": tmp_path / "names.txt"} if name == "yolo" else {}

    dataset = READERS[name](split(tmp_path, where, image_options=ImageOptions(exif=exif), **names))

    assert (dataset.images.width.tolist(), dataset.images.height.tolist()) == (
        [size[0]],
        [size[1]],
    )
    np.testing.assert_allclose(dataset.boxes.xywh, [box])


def test_a_large_image_is_opened_where_the_project_says_so(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("1", (15_000, 15_000)).save(tmp_path / "images" / "aerial.png")
    image = {"id": 1, "file_name": "aerial.png", "width": 15_000, "height": 15_000}
    content = {"images": [image], "categories": []}

    refused = judged_split(tmp_path, "[rules.image-files]", content)
    raised = judged_split(
        tmp_path, "[rules.image-files]", content, dataset="[dataset]\nmax-pixels = 225_000_000\n"
    )

    assert refused.verdict == "failed"
    assert refused.findings[0].text == (
        "unreadable: 15000 × 15000 are 225,000,000 pixels, over the limit of 178,956,970; "
        "max-pixels under [dataset] raises it"
    )
    assert raised.verdict == "passed", raised.findings


def test_the_limit_holds_for_hashes_sizes_and_models(tmp_path: Path) -> None:
    path = photo(tmp_path / "images" / "a.png", 1)
    write(tmp_path, {"labels/a.txt": "0 .5 .5 1 1", "labels/classes.txt": "cone"})
    low = ImageOptions(max_pixels=WIDTH * HEIGHT - 1)

    with pytest.raises(ValueError, match="max-pixels under"):
        difference_hash(path.read_bytes(), low.max_pixels)
    with pytest.raises(ValueError, match="max-pixels under"):
        read_image(str(path), low)
    assert np.isnan(READERS["yolo"](split(tmp_path, image_options=low)).images.width).all()
    just = ImageOptions(max_pixels=WIDTH * HEIGHT)
    assert READERS["yolo"](split(tmp_path, image_options=just)).images.width.tolist() == [WIDTH]


def test_what_pillow_decodes_by_itself_is_an_image() -> None:
    suffixes = {".jpg", ".jfif", ".jpe", ".gif", ".ppm", ".mpo", ".webp", ".tiff", ".jp2"}

    assert suffixes <= image_suffixes()
    assert (".avif" in image_suffixes()) == READS_AVIF
    # One starts another program, others are only known by name.
    assert not {".eps", ".ps", ".pdf", ".mpg", ".h5", ".txt", ".json"} & image_suffixes()
    assert "EPS" not in image_formats()


LINKS = """
[dataset]
{option}
[dataset.splits.val]
annotations = "val.json"
images = "images"
[probes.calm]
images = "images"
[rules.image-files]
[rules.probe-isolation]
from = "val"
clips = false
max = 9
"""


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A project whose images are links, into stores and elsewhere."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    digest = "2c58ce736fe43ccfac1dc0145891f5"
    targets = {
        "dvc.png": project / ".dvc" / "cache" / "87" / digest,
        "annex.png": project / ".git" / "annex" / "objects" / "WORM-s9-m1--a.png" / "a.png",
        "plain.png": project / "secret.png",
        "outside.png": outside / "87" / digest,
    }
    for turn, (name, target) in enumerate(targets.items(), start=1):
        photo(target, turn)
        (project / "images").mkdir(exist_ok=True)
        (project / "images" / name).symlink_to(target)
    return project


@pytest.mark.parametrize(
    ("option", "refused"),
    [
        ("", ["plain.png", "outside.png"]),
        ('follow-links = ["../outside"]', ["plain.png"]),
        ('follow-links = ["../outside", "."]', []),
    ],
)
def test_links_are_followed_into_named_folders(
    linked: Path, option: str, refused: list[str]
) -> None:
    """Links are followed into stores and folders that are named."""
    names = ["dvc.png", "annex.png", "plain.png", "outside.png"]
    content = {"images": [{"id": name, "file_name": name} for name in names], "categories": []}
    (linked / "val.json").write_text(str(content).replace("'", '"'), encoding="utf-8")

    results = judged(linked, LINKS.format(option=f'exif = "apply"\n{option}'))

    files = results["image-files[val]"]
    assert [finding.image for finding in files.findings] == refused
    assert measured(files)["unreadable"] == len(refused)
    copies = results["probe-isolation[calm]"]
    assert copies.verdict == ("not-evaluated" if refused else "passed")
    assert (f"{len(refused)} of 4 images" in copies.message) == bool(refused)
    assert not refused or "follow-links under [dataset]" in copies.message


def test_the_page_shows_what_may_be_read(linked: Path) -> None:
    record = DatasetRecord(probes={"calm": ProbeRecord(images_dir="images", images=4, boxes=0)})
    stores = (str(linked.parent / "outside"),)

    shown = {
        (name, given): ImageFolders(record, linked, stores=given).thumbnail("calm", name).source
        is not None
        for name in ("dvc.png", "annex.png", "plain.png", "outside.png")
        for given in ((), stores)
    }

    assert [name for (name, given), seen in shown.items() if seen and not given] == [
        "dvc.png",
        "annex.png",
    ]
    assert [name for (name, given), seen in shown.items() if seen and given] == [
        "dvc.png",
        "annex.png",
        "outside.png",
    ]


def test_only_images_behind_links_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "sub" / "a.png", 1)
    photo(tmp_path / "elsewhere" / "b.png", 1)
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "inner.png").symlink_to("sub/a.png")
    names = ["sub/a.png", "linked/b.png", "inner.png", "gone.png", "nul\0.png"]

    refused = refused_links(tmp_path / "images", names, ImageOptions())

    assert list(refused) == [1]
    assert str(tmp_path / "elsewhere" / "b.png") in refused[1].reason
