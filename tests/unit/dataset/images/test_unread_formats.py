"""Images of formats that are not read, and the way out."""

from __future__ import annotations

import pytest

from pytest_detgate.dataset.images.unread_formats import how_to_read, unread_image_of


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("b.heic", "install pillow-heif, or save it as JPEG or PNG"),
        ("b.HEIF", "install pillow-heif, or save it as JPEG or PNG"),
        ("b.svg", "save it as JPEG or PNG"),
    ],
)
def test_the_way_out(name: str, advice: str) -> None:
    assert how_to_read(name) == advice
    note = f" (there is {name}, which cannot be read: {advice})"
    assert unread_image_of("x/b.jpg", ["notes.txt", "b.txt", name]) == note


@pytest.mark.parametrize("others", [[], ["a.heic"], ["b.txt"], ["b"], ["b.heic.txt"]])
def test_no_other_file_is_named(others: list[str]) -> None:
    assert not unread_image_of("b.jpg", others)
    assert not unread_image_of("", others)
