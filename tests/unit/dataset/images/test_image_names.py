"""Which image a label or a list means by what it writes; nothing is guessed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest

from pytest_detgate.dataset.images.names import AmbiguousNameError, FileNames, name_of_missing

FILES = [
    "0000.jpg",
    "camA/0001.jpg",
    "camB/0001.jpg",
    "camA/0002.jpg",
    "deep/camA/0002.jpg",
    "x/only.jfif",
    "y/two.png",
    "y/two.webp",
    unicodedata.normalize("NFD", "z/café.jpg"),
    "x/0003.jpg",
    "0003.jpg",
]


@pytest.mark.parametrize(
    ("text", "hints", "expected"),
    [
        ("0000.jpg", (), "0000.jpg"),
        ("./images/camB/0001.jpg", (), "camB/0001.jpg"),
        ("/data/site/images/camB/0001.jpg", (), "camB/0001.jpg"),
        ("C:\\data\\camA\\0001.jpg", (), "camA/0001.jpg"),
        ("camB/0001", (), "camB/0001.jpg"),
        # A path that is given whole is meant, though another one ends like it.
        ("camA/0002.jpg", (), "camA/0002.jpg"),
        ("any/deep/camA/0002.jpg", (), "deep/camA/0002.jpg"),
        ("0003.jpg", (), "0003.jpg"),
        ("any/x/0003.jpg", (), "x/0003.jpg"),
        # With another suffix, or none.
        ("only", (), "x/only.jfif"),
        ("only.jpg", (), "x/only.jfif"),
        (unicodedata.normalize("NFC", "café.jpg"), (), FILES[8]),
        ("0001.jpg", ("camB/0001.jpg",), "camB/0001.jpg"),
        ("0001.jpg", ("VOC2012/0001.jpg", "camB/0001.jpg"), "camB/0001.jpg"),
        ("0001.jpg", ("camB/0001.jpg", "labels/camB/0001.jpg"), "camB/0001.jpg"),
        # The folder that is written is another one.
        ("camC/0001.jpg", (), None),
        ("camA/0000.jpg", (), "0000.jpg"),
        ("x/y/two.png", (), "y/two.png"),
        ("gone.jpg", (), None),
    ],
)
def test_found(text: str, hints: Sequence[str], expected: str | None) -> None:
    assert FileNames(FILES).find(text, hints) == expected


def test_a_file_without_a_name_is_never_meant() -> None:
    files = FileNames(["", "a.jpg", "."])

    assert files.find("") is None
    assert files.find(".") is None
    assert files.find("a") == "a.jpg"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.jpg", "a.jpg"),
        ("any/a.jpg", "a.jpg"),
        ("any\\a.jpg", "a.jpg"),
        ("a.png", "a.jpg"),
        ("a", "a.jpg"),
        ("c.jpg", None),
        ("", None),
    ],
)
def test_names_in_no_folder(text: str, expected: str | None) -> None:
    assert FileNames(["a.jpg", "b.jpg"]).find(text) == expected


@pytest.mark.parametrize("names", [("", "a.jpg"), (".", "a.jpg"), ("a.jpg", "5.0")])
def test_names_that_no_file_has(names: tuple[str, ...]) -> None:
    assert FileNames(names).find("x/a.jpg") == "a.jpg"
    assert FileNames(names).find("") is None
    assert FileNames(names).find(".") is None


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("0001.jpg", ()),
        ("0001", ()),
        ("two", ()),
        ("two.jpg", ()),
        ("0001.jpg", ("VOC2012/0001.jpg",)),
        # Two hints that contradict each other.
        ("0001.jpg", ("camA/0001.jpg", "camB/0001.jpg")),
    ],
)
def test_what_may_be_several_files_is_refused_with_their_names(
    text: str, hints: Sequence[str]
) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        FileNames(FILES).find(text, hints)

    names = "camA/0001.jpg, camB/0001.jpg" if "0001" in text else "y/two.png, y/two.webp"
    assert str(caught.value) == f"{text!r} may be any of 2 files: {names}"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("x/ONLY.JFIF", " (there is x/only.jfif)"),
        ("only.png", " (there is x/only.jfif)"),
        ("camC/0000.jpg", " (there is 0000.jpg)"),
        ("gone.jpg", ""),
    ],
)
def test_a_near_name_is_told(text: str, near: str) -> None:
    assert FileNames(FILES).near(text) == near


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("./sub/a.png", "sub/a.png"),
        ("a", "a.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("/srv/a.jpg", "a.jpg"),
        ("C:\\a\\b.jpg", "b.jpg"),
        ("sub\\b.jpg", "sub/b.jpg"),
    ],
)
def test_the_name_of_a_missing_image_stays_in_its_folder(text: str, name: str) -> None:
    """The name of an image that is not there stays in its folder."""
    assert name_of_missing(text) == name
