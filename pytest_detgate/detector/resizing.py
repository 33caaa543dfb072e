"""How a model scales an image before it looks at it, as its configuration or file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DetectorError

ResizeKind = Literal["none", "stretch", "fit", "edges", "factor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """How images get their size: not at all (`none`), stretched to a size, scaled as a whole to
    `fit` into it, scaled so that the longer side is at most the longer of two `edges` and the
    shorter one at most the shorter, or by one `factor`.

    `width` and `height` are pixels, and both the factor where it is one; `origin` names the source.
    """

    kind: ResizeKind
    width: float
    height: float
    origin: str

    def scales(
        self, width: NDArray[np.float64], height: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) by how much images of that size are scaled in width and in height."""
        if self.kind == "stretch":
            return self.width / width, self.height / height
        if self.kind == "fit":
            scale = np.minimum(self.width / width, self.height / height)
        elif self.kind == "edges":
            longer, shorter = max(self.width, self.height), min(self.width, self.height)
            scale = np.minimum(
                longer / np.maximum(width, height), shorter / np.minimum(width, height)
            )
        else:
            scale = np.full(len(width), self.width if self.kind == "factor" else 1.0)
        return scale, scale

    def __str__(self) -> str:
        size = f"{self.width:g} × {self.height:g}"
        settings = {
            "none": "none",
            "stretch": f"stretched to {size}",
            "fit": f"fit into {size}",
            "edges": f"sides up to {max(self.width, self.height):g} and "
            f"{min(self.width, self.height):g}",
            "factor": f"by {self.width:g}",
        }[self.kind]
        return f"{settings}, {self.origin}"


def resize_of_onnx(path: Path, options: Mapping[str, Any], origin: str) -> Resize:
    """Read the resize of an ONNX file; `DetectorError` where neither it nor `options`, the keys of
    `[model.onnx]`, say it."""
    from pytest_detgate.detector.onnx.model import settings_of_file

    settings = settings_of_file(path, options)
    if settings.size is None:
        return Resize(kind="none", width=1, height=1, origin=origin)
    height, width = settings.size
    kind: ResizeKind = "stretch" if settings.resize == "stretch" else "fit"
    return Resize(kind=kind, width=width, height=height, origin=origin)


def resize_of_config(path: Path, origin: str) -> Resize:
    """Read the resize of a test image from a configuration of MMDetection, which is run as
    MMEngine runs it; `DetectorError` where its test pipeline has none that is known."""
    from pytest_detgate.detector.mmdet.config import test_pipeline
    from pytest_detgate.detector.mmdet.config_files import resolved_config

    return resize_of_pipeline(test_pipeline(resolved_config(path), str(path)), origin)


def resize_of_pipeline(steps: list[Any], origin: str) -> Resize:
    """Read the resize from the transforms of a test image: the first of them decides."""
    for step in steps:
        name = str(step.get("type", "")).rpartition(".")[2] if isinstance(step, Mapping) else ""
        if "Resize" not in name and "TestTimeAug" not in name:
            continue
        if name in ("Resize", "FixScaleResize"):
            return _resize(step, origin)
        if name == "FixShapeResize":
            kind: ResizeKind = "fit" if step.get("keep_ratio", True) else "stretch"
            return _sized(kind, (step.get("width"), step.get("height")), origin)
        if name in ("YOLOv5KeepRatioResize", "LetterResize"):
            return _sized("fit", step.get("scale"), origin)
        raise DetectorError(f"{origin}: how {name} resizes an image is not known")
    raise DetectorError(f"{origin}: its test pipeline has no Resize")


def _resize(step: Mapping[str, Any], origin: str) -> Resize:
    factor = step.get("scale_factor")
    if step.get("scale") is None and factor is not None:
        factors = (factor, factor) if isinstance(factor, (int, float)) else factor
        if len(set(factors)) == 1:
            return _sized("factor", factors, origin)
    scale = step.get("scale")
    # A single number is for both sides.
    sides = (scale, scale) if isinstance(scale, (int, float)) else scale
    return _sized("edges" if step.get("keep_ratio", False) else "stretch", sides, origin)


def _sized(kind: ResizeKind, sides: Any, origin: str) -> Resize:
    """A resize to (width, height)."""
    try:
        width, height = (float(side) for side in sides)
    except (TypeError, ValueError):
        width = height = float("nan")
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise DetectorError(f"{origin}: its Resize has no width and height, but {sides!r}")
    return Resize(kind=kind, width=width, height=height, origin=origin)
