"""Paths as plain text: the same as with path objects, which take ten times as long."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions, InnerPaths, OutsideError
from pytest_detgate.dataset.images.paths import stem_of, suffix_of


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a", "x.y/a", "x/a.tar.gz", ".hidden", "x/.hidden.jpg", "a..jpg", " .jpg", "a.JPG "],
)
def test_suffix_and_stem(name: str) -> None:
    path = PurePosixPath(name)

    assert (suffix_of(name), stem_of(name)) == (path.suffix, path.stem)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images in a folder and in a linked one, links to images inside and outside."""
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    (tmp_path / "store").mkdir()
    for path in (images / "a.jpg", images / "sub/b.jpg", tmp_path / "store/c.jpg"):
        path.write_bytes(b"")
    (images / "inner.jpg").symlink_to("sub/b.jpg")
    (images / "outer.jpg").symlink_to("../store/c.jpg")
    (images / "linked").symlink_to("../store")
    return images


@pytest.mark.parametrize("is_allowed", [False, True])
@pytest.mark.parametrize(
    "name", ["a.jpg", "sub/b.jpg", "inner.jpg", "outer.jpg", "linked/c.jpg", "../store/c.jpg", "-"]
)
def test_real_paths(folder: Path, name: str, *, is_allowed: bool) -> None:
    stores = (os.path.realpath(folder.parent / "store"),) if is_allowed else ()
    options = ImageOptions(stores=stores)

    def real(first: object) -> str:
        try:
            return str(first.real(name) if isinstance(first, InnerPaths) else first)
        except OutsideError as error:
            return error.reason

    try:
        expected = options.real_path(os.path.realpath(folder), name)
    except OutsideError as error:
        expected = error.reason
    assert real(InnerPaths(folder, options)) == expected


def test_the_folder_may_be_a_link(folder: Path) -> None:
    (folder.parent / "other").symlink_to(folder)

    assert InnerPaths(folder.parent / "other", AS_SHOWN).real("a.jpg") == str(
        (folder / "a.jpg").resolve()
    )
