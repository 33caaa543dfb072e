"""Every known part, made and used with values of all kinds: none does what a detector never does.

Reading source may miss something; this looks at what really happens, through the audit hook.
"""

from __future__ import annotations

import contextlib
import inspect
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector.loading_limits.wall import walled
from pytest_detgate.detector.mmdet.stored_parts import known_parts, known_parts_only
from pytest_detgate.detector.mmdet.stored_wall import stored_wall
from pytest_detgate.detector.packages import quiet

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

PLAIN: list[Any] = [None, True, False, 0, 1, 2, 0.5, "word", "sum", "0010", [1, 2], [4, 8, 16]]
# Parameters that take other parts.
PARTS = (
    *("cfg", "loss", "coder", "generator", "backbone", "neck", "head", "assigner", "sampler"),
    *("transforms", "calculator", "detector", "extractor"),
)


class Maker:
    """Makes arguments of parts at random, other parts among them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.parts: dict[str, Any] = dict(_importable())

    def arguments(self, part: Any, depth: int = 0) -> dict[str, Any]:
        """Values for the parameters that are required, and for some of the others."""
        with contextlib.suppress(ValueError, TypeError):
            return {
                parameter.name: self._value(parameter.name, depth)
                for parameter in inspect.signature(part).parameters.values()
                if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
                and parameter.name not in ("init_cfg", "pretrained")
                and (parameter.default is parameter.empty or self._random.random() < 0.3)
            }
        return {}

    def _value(self, name: str, depth: int) -> Any:
        if depth < 2 and any(word in name for word in PARTS) and self._random.random() < 0.7:
            kind = self._random.choice(sorted(self.parts))
            return {"type": kind, **self.arguments(self.parts[kind], depth + 1)}
        return self._random.choice(PLAIN)


def _importable() -> Iterator[tuple[str, Any]]:
    from mmdet.registry import MODELS, TASK_UTILS, TRANSFORMS

    with quiet():
        for registry in (MODELS, TASK_UTILS, TRANSFORMS):
            registry.import_from_location()
    for path in sorted(known_parts()):
        module, _, name = path.rpartition(".")
        part = getattr(sys.modules.get(module), name, None)
        # It opens the image, which the gate reads for it.
        if part is not None and name != "LoadImageFromFile":
            yield name, part


@pytest.mark.parametrize("seed", range(2))
def test_nothing_happens_but_computing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes 10 seconds: more than 500 parts are made, some of them large."""
    import torch

    monkeypatch.chdir(tmp_path)
    maker = Maker(seed)
    image = {"img": np.zeros((8, 8, 3), np.uint8), "img_path": "word"}
    n_made = 0
    for part in maker.parts.values():
        arguments = maker.arguments(part)
        with warnings.catch_warnings(), walled(stored_wall("x.pth", "while a part was made")):
            warnings.simplefilter("ignore")
            with torch.inference_mode(), contextlib.suppress(Exception), known_parts_only("x.pth"):
                made = part(**arguments)
                n_made += 1
                for use in (torch.zeros(1, 3, 16, 16), image):
                    with contextlib.suppress(Exception):
                        made(use)
    assert n_made > 100
    assert list(tmp_path.iterdir()) == []
