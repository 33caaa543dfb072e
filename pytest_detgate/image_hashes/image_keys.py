"""What tells the images of a dataset apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.image_hashes.image_looks import ImageLooks


@dataclass(frozen=True, slots=True, eq=False)
class ImageKeys:
    """One row per image, as in the image table: `digest` (n,) S32 is the SHA-256 of the file,
    `hash` (n,) uint64 the perceptual hash, None where only bytes are compared."""

    digest: NDArray[np.bytes_]
    hash: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.digest)


def keys_of(looks: ImageLooks, *, hashed: bool) -> ImageKeys:
    """Return the digests of the images and, with `hashed`, their hashes.

    Images that cannot be read raise one `DataError` with their number and the first of them.
    """
    looks.require_all()
    return ImageKeys(looks.digest, looks.hash if hashed else None)
