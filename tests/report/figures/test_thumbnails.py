"""Pictures: which files may be read, and what becomes of them."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from pytest_detgate.dataset.images.options import Exif, ImageOptions
from pytest_detgate.record.report import DatasetRecord, ProbeRecord
from pytest_detgate.report.figures.closeups import CLOSEUPS, closeups_of
from pytest_detgate.report.figures.thumbnails import (
    HEIGHT,
    WIDTH,
    ImageFolders,
    Thumbnail,
    thumbnail,
)

SECRET = (255, 0, 255)


def folders(root: Path) -> ImageFolders:
    probe = ProbeRecord(images_dir="probes/a", images=1, boxes=0)
    return ImageFolders(DatasetRecord(probes={"a": probe}), root)


def decoded(picture: Thumbnail) -> Image.Image:
    assert picture.source is not None, picture.problem
    kind, _, data = picture.source.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An images folder, and a secret picture beside it."""
    images = tmp_path / "probes" / "a"
    (images / "sub").mkdir(parents=True)
    Image.new("RGB", (640, 480), (10, 120, 200)).save(images / "frame.jpg")
    Image.new("RGB", (640, 480), (10, 120, 200)).save(images / "sub" / "frame.jpg")
    Image.new("RGB", (64, 64), SECRET).save(tmp_path / "secret.png")
    return tmp_path


@pytest.mark.parametrize("name", ["frame.jpg", "sub/frame.jpg", "sub/../frame.jpg"])
def test_a_picture_inside_its_folder_is_shown(project: Path, name: str) -> None:
    picture = folders(project).thumbnail("a", name)

    assert picture.problem == ""
    assert picture.size == (640, 480)
    assert decoded(picture).size == (640, 480)


@pytest.mark.parametrize(
    "name",
    ["../../secret.png", "sub/../../../secret.png", "link.png", "linked/secret.png", "{root}",
     "C:\\secret.png", "\\\\host\\secret.png", "nul\0.png", "loop/a.png"],
)  # fmt: skip
def test_a_file_name_that_leaves_its_folder_is_not_opened(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name that leaves its folder is refused and not opened."""
    images = project / "probes" / "a"
    (images / "link.png").symlink_to(project / "secret.png")
    (images / "linked").symlink_to(project, target_is_directory=True)
    (images / "loop").symlink_to(images / "loop")
    opened: list[object] = []
    monkeypatch.setattr(Image, "open", lambda path, **_: opened.append(path))

    picture = folders(project).thumbnail("a", name.replace("{root}", str(project / "secret.png")))

    assert picture.source is None
    assert picture.problem.startswith(("Refused", "The image is missing"))
    assert picture.problem.startswith("Refused") or name.startswith("loop")
    assert opened == []


def test_an_images_folder_that_is_itself_a_link_is_followed(project: Path) -> None:
    """The folder is the project's own choice; only what lies in it is held to it."""
    (project / "elsewhere").mkdir()
    (project / "probes" / "a").rename(project / "elsewhere" / "a")
    (project / "probes" / "a").symlink_to(project / "elsewhere" / "a")

    assert folders(project).thumbnail("a", "frame.jpg").source is not None


def test_what_is_no_picture_is_said_in_words(project: Path) -> None:
    images = project / "probes" / "a"
    (images / "text.jpg").write_text("not a picture")
    (images / "vector.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    os.mkfifo(images / "pipe.jpg")
    data = (images / "frame.jpg").read_bytes()
    (images / "cut.jpg").write_bytes(data[: len(data) // 2])
    listed = {
        name: folders(project).thumbnail("a", name)
        for name in ("text.jpg", "vector.eps", "pipe.jpg", "cut.jpg", "sub", "none.jpg")
    }

    assert all(picture.source is None for picture in listed.values())
    assert listed["text.jpg"].problem == (
        "The image cannot be read: it is no image that Pillow knows."
    )
    assert listed["vector.eps"].problem.startswith("The image cannot be read")
    assert listed["pipe.jpg"].problem == "The image is missing."
    assert listed["sub"].problem == "The image is missing."
    assert listed["none.jpg"].problem == "The image is missing."
    assert listed["cut.jpg"].problem.startswith("The image cannot be read: image file is trunc")
    assert listed["cut.jpg"].size == (640, 480)
    assert folders(project).thumbnail("b", "frame.jpg").problem.startswith("The record names no")


def test_a_bomb_is_not_decoded_unless_the_project_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.new("1", (14_000, 13_000)).save(path)
    monkeypatch.undo()
    before = Image.MAX_IMAGE_PIXELS

    picture = thumbnail(path)
    shown = thumbnail(path, (), ImageOptions(max_pixels=182_000_000))

    assert picture.source is None
    assert picture.size == (14_000, 13_000)
    assert picture.problem == (
        "The image is too large to show: 14000 × 13000 are 182,000,000 pixels, over the limit of "
        "178,956,970; max-pixels under [dataset] raises it"
    )
    assert decoded(shown).size == (640, 594)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_becomes_a_small_jpeg(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.tif"
    Image.new(mode, (1000, 500)).save(path)

    picture = decoded(thumbnail(path))

    assert (picture.mode, picture.size) == ("RGB", (640, 320))


def test_a_thermal_picture_is_stretched_to_what_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "thermal.png"
    row = (31_000).to_bytes(2, "little") * 32 + (30_000).to_bytes(2, "little") * 32
    Image.frombytes("I;16", (64, 64), row * 64).save(path)

    picture = decoded(thumbnail(path)).convert("L")

    assert picture.getpixel((4, 32)) == pytest.approx(255, abs=4)
    assert picture.getpixel((60, 32)) == pytest.approx(0, abs=4)


@pytest.mark.parametrize(
    ("exif_option", "size", "top"), [(None, (400, 800), "red"), ("ignore", (640, 320), "black")]
)
def test_a_thumbnail_is_turned_and_has_no_metadata(
    tmp_path: Path, exif_option: Exif | None, size: tuple[int, int], top: str
) -> None:
    """A camera held upright stores its image lying on its side: the left edge is the top."""
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at the gate"
    stored = Image.new("RGB", (800, 400))
    stored.paste((255, 0, 0), (0, 0, 80, 400))
    stored.save(path, exif=exif, comment=b"secret", icc_profile=b"profile")

    picture = decoded(thumbnail(path, (), ImageOptions(exif=exif_option)))

    assert picture.size == size
    red = picture.getchannel("R").getpixel((picture.width - 20, 5))
    assert isinstance(red, int)
    assert (red > 200) == (top == "red")
    assert not picture.getexif()
    assert {"exif", "comment", "icc_profile"} & set(picture.info) == set()


def test_a_tall_picture_stays_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "tall.png"
    Image.new("RGB", (100, 9000)).save(path)

    width, height = decoded(thumbnail(path)).size

    assert width <= WIDTH
    assert height <= HEIGHT


def test_small_boxes_are_enlarged_and_large_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    picture = Image.new("RGB", (1000, 800), (0, 0, 0))
    picture.paste((250, 250, 250), (100, 100, 120, 120))
    picture.save(path)
    large, small = (0.0, 0.0, 500.0, 500.0), (100.0, 100.0, 20.0, 20.0)

    closeups = thumbnail(path, [large, small]).closeups

    assert [(index, square) for index, square, _ in closeups] == [(1, (80, 80, 60, 60))]
    shown = decoded(Thumbnail(source=closeups[0][2]))
    assert shown.size == (60, 60)
    assert shown.convert("L").getpixel((30, 30)) == pytest.approx(250, abs=4)


def test_closeups_stay_in_the_picture_and_are_few() -> None:
    inf = float("inf")
    boxes = [(990.0, 795.0, 20.0, 20.0), (5000.0, 0.0, 9.0, 9.0), (0.0, 0.0, inf, 1.0)]

    assert closeups_of(boxes, (1000, 800)) == [(0, (940, 740, 60, 60))]
    assert closeups_of([(2.0, 2.0, 3.0, 3.0)], (30, 40)) == [(0, (0, 0, 30, 40))]
    assert len(closeups_of([(10.0, 10.0, 5.0, 5.0)] * 9, (640, 480))) == CLOSEUPS


def test_a_closed_folder_reads_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(Image, "open", lambda path, **_: opened.append(path))
    probe = ProbeRecord(images_dir="probes/a", images=1, boxes=0)

    closed = ImageFolders(DatasetRecord(probes={"a": probe}), project, closed=True)

    assert closed.thumbnail("a", "frame.jpg") == Thumbnail()
    assert opened == []


@pytest.mark.parametrize("location", ["{away}", "../away", "linked", "nul\0"])
def test_a_folder_outside_the_root_must_be_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory, location: str
) -> None:
    """A record that somebody else wrote may name any folder of this machine."""
    away = project.parent / "away"
    away.mkdir(exist_ok=True)
    Image.new("RGB", (64, 64), SECRET).save(away / "frame.jpg")
    (project / "linked").symlink_to(away, target_is_directory=True)
    probe = ProbeRecord(images_dir=location.replace("{away}", str(away)), images=1, boxes=0)
    record = DatasetRecord(probes={"a": probe})

    refused = ImageFolders(record, project).thumbnail("a", "frame.jpg")
    named = ImageFolders(record, project, further={"a": away}).thumbnail("a", "frame.jpg")

    assert refused.source is None
    assert refused.size is None
    assert "outside the root folder" in refused.problem
    assert named.source is not None


def test_a_root_behind_a_link_is_the_root(project: Path) -> None:
    link = project.parent / f"{project.name}-link"
    link.symlink_to(project, target_is_directory=True)

    assert folders(link).thumbnail("a", "frame.jpg").source is not None
