"""The wall around models of a stored configuration, beside the list of known parts.

It exists in case the review of the parts missed something.
"""

from __future__ import annotations

import contextlib
import types
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pytest_detgate.detector.loading_limits.wall import Wall, walled
from pytest_detgate.detector.mmdet.stored_parts import known_parts, known_parts_only, not_used

# Packages whose modules may be imported at this time.
_PACKAGES = frozenset(
    {
        *("torch", "torchvision", "torchgen", "functorch", "triton", "mmengine", "mmcv", "mmdet"),
        *("numpy", "cv2", "PIL", "scipy", "pycocotools", "shapely", "matplotlib", "sklearn"),
        *("skimage", "fairscale", "lap", "joblib", "threadpoolctl", "terminaltables", "rich"),
        *("yaml", "addict", "yapf", "termcolor", "packaging", "sympy", "mpmath", "networkx"),
        *("jinja2", "markupsafe", "fsspec", "filelock", "typing_extensions", "six", "regex"),
        *("psutil", "dateutil", "torch_npu", "torch_mlu", "pytest_detgate"),
    }
)


@dataclass(frozen=True, slots=True)
class Guard:
    """Restricts a model to what a detector needs, if its configuration comes from a checkpoint.

    `source` is that checkpoint. Without it the configuration is that of the project, and nothing is
    restricted.
    """

    source: str | None = None

    def building(self) -> AbstractContextManager[None]:
        """Restrict the building of the model by the names of its parts."""
        return self._while("while the model was built")

    def running(self) -> AbstractContextManager[None]:
        """Restrict the model, or a transform of its pipeline, while it runs."""
        return self._while("while the model ran")

    def _while(self, doing: str) -> AbstractContextManager[None]:
        if self.source is None:
            return contextlib.nullcontext()
        return walled(stored_wall(self.source, doing), known_parts_only(self.source))


def stored_wall(source: str, doing: str) -> Wall:
    """Return the wall for the configuration in a checkpoint; `doing` is what it is around."""
    return Wall(
        refusal=lambda action: not_used(source, f"{doing}, it tried to {action}"),
        packages=_PACKAGES,
        evaluates=_names_operator,
    )


def _names_operator(caller: str, code: types.CodeType | None) -> bool:
    """Return whether mmcv evaluates the name of an operator."""
    if caller != "mmcv.ops.nms":
        return False
    names = () if code is None else code.co_names
    return code is None or (len(names) == 1 and f"mmcv.ops.{names[0]}" in known_parts())
