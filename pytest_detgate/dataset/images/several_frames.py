"""Images of several frames or pages; the first of them is used."""

from __future__ import annotations

from PIL import ImageFile

_FORMATS = frozenset({"GIF", "PNG", "TIFF", "WEBP"})
_KIND_OF_PAGE, _OLD_KIND_OF_PAGE = 254, 255
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
MOST_PAGES = 1000
"""Pages of a TIFF that are counted."""


def count_frames(image: ImageFile.ImageFile) -> int:
    """Return the number of frames or pages of an opened image, of a TIFF at most `MOST_PAGES`.

    A TIFF's reduced copies (overviews) and masks are no pages. Formats that hold other images
    beside the one that is shown, such as MPO, have one. The image is left at its last frame.
    """
    if image.format not in _FORMATS:
        return 1
    try:
        return _pages(image) if image.format == "TIFF" else int(getattr(image, "n_frames", 1))
    except Exception:  # damage behind the first frame, which Pillow meets with many kinds of errors
        return 1


def _pages(image: ImageFile.ImageFile) -> int:
    pages = 1
    for number in range(1, MOST_PAGES):
        try:
            image.seek(number)
        except EOFError:
            break
        tags = getattr(image, "tag_v2", {})
        is_copy = tags.get(_KIND_OF_PAGE, 0) & (_REDUCED | _MASK)
        pages += not is_copy and tags.get(_OLD_KIND_OF_PAGE) != _OLD_REDUCED
    return pages
