"""How far corrupted images are from those of the reference, the package `imagecorruptions`.

    python benchmarks/corruptions.py PHOTO ...

Needs an environment with `imagecorruptions` 1.1.2, NumPy below 2 and setuptools below 81, as that
package does; of pytest-detgate only `image_changes` is imported. The package passes a keyword to
scikit-image that is not there any more, and gets the new one here.
"""

from __future__ import annotations

import functools
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_changes.corruptions.corruption import CORRUPTIONS, Corruption

SEVERITIES = (1, 3, 5)
DRAWS = 2
WITHOUT_RANDOM = frozenset(
    ("defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg-compression")
)

Pixels = NDArray[np.float64]


def reference() -> Any:
    """Return the function of the reference that corrupts an image."""
    import imagecorruptions.corruptions as functions
    from imagecorruptions import corrupt

    current = functions.gaussian

    @functools.wraps(current)
    def gaussian(*arguments: Any, multichannel: bool = False, **options: Any) -> Any:
        return current(*arguments, channel_axis=-1 if multichannel else None, **options)

    functions.gaussian = gaussian
    return corrupt


def psnr(first: Pixels, second: Pixels) -> float:
    """Return the peak signal to noise ratio in dB."""
    return float(10 * np.log10(255**2 / max(float(((first - second) ** 2).mean()), 1e-9)))


def main() -> None:
    warnings.simplefilter("ignore")
    corrupt = reference()
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in map(Path, sys.argv[1:])]
    for name in CORRUPTIONS:
        cells, differences = [], []
        for severity in SEVERITIES:
            change, rows = Corruption(name, severity), []
            for number, photo in enumerate(photos):
                for draw in range(DRAWS):
                    np.random.seed(100 * number + draw)
                    theirs = corrupt(
                        photo, corruption_name=name.replace("-", "_"), severity=severity
                    ).astype(float)
                    random = change.generator(f"{number} {draw}")
                    ours = change.apply(photo, random).astype(float)
                    rows.append((psnr(theirs, photo), psnr(ours, photo), (ours - theirs).mean()))
                    differences.append(np.abs(ours - theirs).mean())
            before, after, light = np.mean(rows, axis=0)
            cells += [f"{before:.1f}, {after:.1f}", f"{light:+.1f}".replace("-", "\N{MINUS SIGN}")]
        difference = f"{np.mean(differences):.1f}" if name in WITHOUT_RANDOM else ""
        print(f"| `{name}` | {' | '.join(cells)} | {difference} |", flush=True)


if __name__ == "__main__":
    main()
