"""Detection of NaN and infinity in the outputs of a model's parts.

They do not reach the detections: every comparison with NaN is false, so a score threshold drops
such a box, and a corner at infinity is clipped to the image. The outputs of the parts are therefore
checked before boxes are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from pytest_detgate.detector.mmdet.acceleration import networks, tensors


class OutputWatch:
    """Sums the outputs of each part of a model: a sum is not finite if one value is not.

    Parts are the data preprocessor, backbone, neck and heads. If the model never calls a part as a
    whole, the modules in it are watched.
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
        """Discard the outputs so far.

        With `exact` each value is tested, at thirty times the cost: a sum of finite values can
        overflow.
        """
        self._seen.clear()
        self._is_exact = exact

    def not_finite(self) -> list[str]:
        """Return the parts that gave NaN or infinity since `begin`, in the order of their calls."""
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
        """Choose the modules to watch; call it after each of the first batches.

        Returns whether the images must go through the model again, because modules of parts that
        it does not call are watched only from now on.
        """
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
        """Stop watching modules inside a part that is watched as a whole."""
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
        """Return one number that is finite if every value is."""
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
