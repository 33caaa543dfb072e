"""Whatever Pillow can open is an image, and every other file of a folder is named."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.dataset.images.folder_files import folder_files, image_files
from pytest_detgate.dataset.images.opening import image_formats, image_suffixes
from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.testing import coco_content
from tests.content import READS_AVIF, write_json
from tests.judged import judged
from tests.unit.label_files import draw, write

IMAGES = [
    *("a.jpg", "b.JFIF", "c.jpe", "d.gif", "f.ppm", "g.webp", "sub/h.TIFF", "i.bmp"),
    *(["e.avif"] if READS_AVIF else []),
]


def draw_all(folder: Path) -> None:
    for name in IMAGES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        kind = Image.registered_extensions()[Path(name).suffix.lower()]
        Image.new("RGB", (8, 8)).save(folder / name, kind)


def test_every_format_is_an_image(tmp_path: Path) -> None:
    draw_all(tmp_path)

    result = image_files(tmp_path, AS_SHOWN)

    assert list(result.images) == sorted(IMAGES)
    assert result.others == ()


def test_all_but_files_of_the_system_are_named(tmp_path: Path) -> None:
    """Everything else is named, except what systems leave behind."""
    draw_all(tmp_path / "probe")
    draw_all(tmp_path / "elsewhere")
    write(
        tmp_path / "probe",
        {
            **dict.fromkeys((".DS_Store", "sub/Thumbs.db", "desktop.ini", "._a.jpg", ".keep"), ""),
            **dict.fromkeys((".git/a.jpg", ".ipynb_checkpoints/b.jpg"), ""),
            **dict.fromkeys(("notes.txt", "sub/clip.mp4", "image", ".a.jpg", "x.eps"), ""),
        },
    )
    (tmp_path / "probe" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "probe" / "loop").symlink_to("loop")

    result = image_files(tmp_path / "probe", AS_SHOWN)

    assert list(result.images) == sorted(IMAGES)
    # A hidden image may have been put aside: whoever looks at the folder should know of it.
    assert sorted(result.others) == [
        ".a.jpg",
        "image",
        "linked/ (a link to a folder)",
        "loop",
        "notes.txt",
        "sub/clip.mp4",
        "x.eps",
    ]


def test_a_linked_folder_is_read_where_links_may_lead(tmp_path: Path) -> None:
    """A linked folder is looked into where links may lead there."""
    draw(tmp_path / "probe", "a.jpg")
    draw(tmp_path / "store", "one/b.jpg")
    (tmp_path / "probe" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "one" / "round").symlink_to(tmp_path / "store")
    options = ImageOptions(stores=(str(tmp_path / "store"),))

    result = folder_files(tmp_path / "probe", options)

    assert result.files == ("a.jpg", "linked/one/b.jpg")
    assert result.not_listed == ("linked/one/round/ (a link to a folder)",)


def test_a_folder_that_cannot_be_listed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root a test cannot take the right to list a folder from itself."""
    draw(tmp_path, "a.jpg", "locked/b.jpg")
    really = os.scandir

    def scandir(path: str) -> Any:
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)

    result = image_files(tmp_path, AS_SHOWN)

    assert result.images == ("a.jpg",)
    assert result.others == ("locked/ (Permission denied)",)


def test_a_plugin_of_pillow_makes_its_files_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pillow_heif` registers its formats when it is asked to; here by a stand-in of that name."""
    (tmp_path / "pillow_heif.py").write_text(
        "from PIL import Image\n"
        "def register_heif_opener():\n"
        "    Image.register_open('HEIF', lambda *_: None, lambda _: False)\n"
        "    Image.register_extension('HEIF', '.heic')\n"
    )
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.heic").touch()
    without = image_files(tmp_path / "images", AS_SHOWN)
    if ".heic" in image_suffixes():
        pytest.skip("pillow_heif is installed")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pillow_heif", raising=False)
    image_formats.cache_clear()
    image_suffixes.cache_clear()
    try:
        result = image_files(tmp_path / "images", AS_SHOWN)
    finally:
        del Image.OPEN["HEIF"], Image.EXTENSION[".heic"]
        Image.ID.remove("HEIF")
        image_formats.cache_clear()
        image_suffixes.cache_clear()

    assert (without.images, without.others) == ((), ("a.heic",))
    assert (result.images, result.others) == (("a.heic",), ())


PROBE = """
[dataset]
frame-pattern = '(?P<clip>[a-z]+)'
[dataset.splits.train]
annotations = "train.json"
images = "images"
[probes.calm]
images = "probe"
{option}
[rules.probe-isolation]
"""


@pytest.mark.parametrize(
    ("option", "verdict"), [("", "not-evaluated"), ("allow-other-files = true", "passed")]
)
def test_other_files_in_a_probe_must_be_allowed(tmp_path: Path, option: str, verdict: str) -> None:
    """A probe with other files is not evaluated unless they are allowed."""
    images = Image.effect_noise((32, 32), 90)
    (tmp_path / "images").mkdir()
    images.save(tmp_path / "images" / "yard.jpg")
    draw(tmp_path / "probe", "tube.jpg")
    write(tmp_path / "probe", {"notes.txt": "", "clip.mp4": "", ".DS_Store": ""})
    write_json(tmp_path / "train.json", coco_content({"yard.jpg": []}))

    result = judged(tmp_path, PROBE.format(option=option))["probe-isolation[calm]"]

    assert result.verdict == verdict
    if verdict == "not-evaluated":
        assert (result.looked_at, result.to_look_at, result.look_unit) == (2, 4, "files")
        assert result.left_out == [
            "2 files or folders are no images (allow-other-files = true leaves them out): "
            "clip.mp4, notes.txt"
        ]


def test_what_is_left_out_is_noted(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg")
    write(tmp_path, {"notes.txt": ""})

    assert read_folder(tmp_path, "calm", allow_other_files=True).notes == (
        "1 file or folder is no images (allow-other-files)",
    )
    assert read_folder(tmp_path, "calm").notes == ()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            '[dataset.splits.a]\nannotations = "a"\nimages = ""\nallow-other-files = true',
            'allow-other-files: only applies to format = "yolo" or "voc" or "openimages"',
        ),
        (
            '[dataset.splits.a]\nannotations = "a"\nimages = ""\nmissing-labels = "background"',
            'missing-labels: only applies to format = "yolo" or "voc" or "openimages"',
        ),
        (
            '[dataset.splits.a]\nannotations = "a"\nimages = ""\nformat = "yolo"\nlist = "a"\n'
            "allow-other-files = true",
            "allow-other-files: only applies without a list",
        ),
        (
            '[probes.a]\nannotations = "a"\nimages = ""\nallow-other-files = true',
            "allow-other-files: only applies without annotations",
        ),
    ],
)
def test_an_option_that_would_do_nothing(tmp_path: Path, table: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, f"{table}\n[rules.image-files]")

    assert expected in " ".join(str(caught.value).split())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    draw(tmp_path, "a.jpg")

    for path in (tmp_path / "gone", tmp_path / "a.jpg"):
        with pytest.raises(DataError, match=f"{re.escape(str(path))}: no such folder"):
            read_folder(path, "calm")
