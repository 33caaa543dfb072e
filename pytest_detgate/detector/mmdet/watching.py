"""Watching that everything a model's parts give is finite.

NaN and infinity do not reach the detections: every comparison with NaN is false, so a score
threshold drops such a box, and a corner at infinity is clipped to the image. The outputs of the
parts are therefore looked at before a box is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from pytest_detgate.detector.mmdet.acceleration import networks, tensors


class OutputWatch:
    """Adds up what each part of a model gives: the sum is not finite if one value is not.

    Parts are the data preprocessor, backbone, neck and heads. One that the model never calls as a
    whole is watched through the modules in it.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._modules: dict[str, torch.nn.Module] = {}
        self._hooks: dict[str, Any] = {}
        self._called: set[str] = set()
        self._seen: list[tuple[str, torch.Tensor]] = []
        self._is_exact = False
        self._n_settled = 0
        for name, module in networks(model, with_preprocessor=True):
            self._add(name, module)

    def begin(self, *, exact: bool = False) -> None:
        """Forget what was seen so far.

        With `exact` each value is tested by itself, at thirty times the price: a sum may also
        overflow where all values are finite.
        """
        self._seen.clear()
        self._is_exact = exact

    def not_finite(self) -> list[str]:
        """The parts that gave NaN or infinity since `begin`, in the order of their calls."""
        seen = [(name, torch.isfinite(value)) for name, value in self._seen]
        self._seen.clear()
        if not seen:
            return []
        first = seen[0][1].device
        # One transfer for all of them.
        are_finite = torch.stack([is_finite.to(first) for _, is_finite in seen]).tolist()
        pairs = zip(seen, are_finite, strict=True)
        return list(dict.fromkeys(name for (name, _), is_finite in pairs if not is_finite))

    def settle(self) -> bool:
        """Whether the images must go through the model again, because parts that it never called
        are watched through their modules only from now on. Called after the first images."""
        self._n_settled += 1
        if self._n_settled == 1:
            uncalled = [name for name in self._modules if name not in self._called]
            inner = [
                (f"{part}.{name}", module)
                for part in uncalled
                for name, module in self._modules[part].named_modules()
                if name
            ]
            for name, module in inner:
                self._add(name, module)
            return bool(inner)
        if self._n_settled == 2:
            self._keep_outermost()
        return False

    def _keep_outermost(self) -> None:
        """Stop watching what is inside of a part that is watched as a whole."""
        for name in list(self._hooks):
            parents = (name[:end] for end, sign in enumerate(name) if sign == ".")
            if any(parent in self._called for parent in parents):
                self._hooks.pop(name).remove()

    def _add(self, name: str, module: torch.nn.Module) -> None:
        def look(module: torch.nn.Module, args: object, output: object) -> None:
            for value in _numbers(output):
                self._called.add(name)
                self._seen.append((name, self._condensed(value)))

        self._modules[name] = module
        self._hooks[name] = module.register_forward_hook(look)

    def _condensed(self, value: torch.Tensor) -> torch.Tensor:
        """One number that is finite if every value is."""
        if self._is_exact:
            return torch.where(torch.isfinite(value).all(), 0.0, torch.nan)
        # A sum in half precision would overflow.
        return value.sum(dtype=torch.float32 if value.element_size() < 4 else None)


def _numbers(output: object) -> Iterator[torch.Tensor]:
    for value in tensors(output):
        if value.is_complex():
            value = torch.view_as_real(value)
        if value.is_floating_point() and value.numel():
            yield value
