"""Numbers and their nouns in what was left out."""

from __future__ import annotations

import pytest

from pytest_detgate.counts import with_count
from pytest_detgate.gaps import gap, with_rows


@pytest.mark.parametrize(
    ("text", "first", "several"),
    [
        (
            "images have no label file",
            "1 image has no label file",
            "1,204 images have no label file",
        ),
        (
            "classes of val are not listed",
            "1 class of val is not listed",
            "1,204 classes of val are not listed",
        ),
        (
            "labels belong to missing images",
            "1 label belongs to a missing image",
            "1,204 labels belong to missing images",
        ),
        (
            "images have shapes that are no boxes (1 mask)",
            "1 image has shapes that are no boxes (1 mask)",
            "1,204 images have shapes that are no boxes (1 mask)",
        ),
        (
            "files or folders among the labels are not read",
            "1 file or folder among the labels is not read",
            "1,204 files or folders among the labels are not read",
        ),
        (
            "images of val: the file holds no detection",
            "1 image of val: the file holds no detection",
            "1,204 images of val: the file holds no detection",
        ),
    ],
)
def test_text_agrees_with_its_number(text: str, first: str, several: str) -> None:
    assert with_count(1, text) == first
    assert with_count(1204, text) == several


def test_share_of_a_gap_agrees_with_its_own_number() -> None:
    (whole,) = gap("images-without-labels", "images", ["a", "b"], "images have no label file")
    (share,) = with_rows(whole, [1], ["b"])

    assert (whole.text, share.text) == ("2 images have no label file", "1 image has no label file")
    assert with_rows(share, [1], ["b"])[0].text == "1 image has no label file"
