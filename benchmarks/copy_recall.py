"""How many copies of each kind the difference hash finds, and how many pairs of different photos.

    python benchmarks/copy_recall.py FOLDER [FOLDER ...] [--distance 4]

Each photo in the folders (and below) becomes a copy of each kind; the copy is found if a turn of
its hash is within the distance of that of its photo. Then each photo is compared with all others:
photos with the same bytes are looked at once, and pairs that are found are printed, so that they
can be looked at.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.image_hashes.hamming_search import differing_bits, pairs_within
from pytest_detgate.image_hashes.turned import TURNS, turned_hashes

SUFFIXES = (".jpg", ".jpeg", ".png")
Edit = Callable[[Image.Image], Image.Image]


def cut(share: float) -> Edit:
    """Cut that share off each side."""

    def edit(image: Image.Image) -> Image.Image:
        width, height = image.size
        left, top = int(width * share), int(height * share)
        return image.crop((left, top, width - left, height - top))

    return edit


def brightened(factor: float) -> Edit:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


KINDS: dict[str, Edit] = {
    "compressed again (quality 50)": lambda image: image,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "640 × 640, stretched": lambda image: image.resize((640, 640)),
    "640 × 640, padded": lambda image: ImageOps.pad(image, (640, 640)),
    "20% brighter": brightened(1.2),
    "20% darker": brightened(0.8),
    "50% more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.5),
    "grey": lambda image: image.convert("L"),
    "blurred (2 pixels)": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "1% cut off each side": cut(0.01),
    "2% cut off each side": cut(0.02),
    "5% cut off each side": cut(0.05),
    "10% cut off each side": cut(0.1),
    "mirrored": ImageOps.mirror,
    "mirrored and 20% brighter": lambda image: brightened(1.2)(ImageOps.mirror(image)),
    "upside down": ImageOps.flip,
    "turned by 180°": lambda image: image.rotate(180),
    "turned by 90°": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 5°": lambda image: image.rotate(5, expand=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--distance", type=int, default=4)
    arguments = parser.parse_args()
    photos = dict(distinct(arguments.folders))
    hashes = np.array([difference_hash(content) for content in photos.values()], dtype=np.uint64)
    print(f"{len(photos)} photos")
    for kind, edit in KINDS.items():
        copies = np.array(
            [difference_hash(edited(content, edit)) for content in photos.values()], dtype=np.uint64
        )
        bits = np.min([differing_bits(turned_hashes(copies, turn), hashes) for turn in TURNS], 0)
        print(f"  {kind:32} {np.mean(bits <= arguments.distance):7.1%}")
    false_pairs(list(photos), hashes, arguments.distance)


def false_pairs(names: list[Path], hashes: np.ndarray, distance: int) -> None:
    """Print the pairs of photos that are found."""
    total = len(names) * (len(names) - 1) // 2
    for turn in TURNS:
        found = set()
        for query, match, bits in pairs_within(turned_hashes(hashes, turn), hashes, distance):
            triples = zip(query.tolist(), match.tolist(), bits.tolist(), strict=True)
            found |= {(one, other, n) for one, other, n in triples if one < other}
        print(f"  {turn}: {len(found)} of {total:,} pairs of photos")
        for one, other, n in sorted(found):
            print(f"    {names[one]} {names[other]} ({n} bits)")


def edited(content: bytes, edit: Edit) -> bytes:
    """A photo as a viewer shows it, edited and saved as JPEG."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        edit(upright).save(buffer, "JPEG", quality=50 if edit is KINDS[next(iter(KINDS))] else 85)
    return buffer.getvalue()


def distinct(folders: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Each photo once, of those with the same bytes the first."""
    seen = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                content = path.read_bytes()
                if content not in seen:
                    seen.add(content)
                    yield path, content


if __name__ == "__main__":
    main()
