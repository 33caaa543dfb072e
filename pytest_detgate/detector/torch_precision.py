"""Networks of torch in another precision, or compiled: the keys `precision` and `compile`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from pytest_detgate.detector.devices import device_type
from pytest_detgate.errors import DetectorError

HALVES = ("bfloat16", "float16")
"""The number formats of 16 bits."""


def check_precision(precision: str, device: str) -> None:
    """Refuse a precision that the device does not support."""
    if device_type(device) == "cpu":
        if precision in ("float16", "tf32"):
            raise DetectorError(
                f"precision {precision!r} under [model] needs a GPU: on a CPU, allowed are float32 "
                "and bfloat16"
            )
    elif precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise DetectorError(
            f"precision 'bfloat16' under [model]: {device} does not support it; allowed are "
            "float32, tf32 and float16"
        )


@contextlib.contextmanager
def exact_products(device: str, precision: str) -> Iterator[None]:
    """Let a GPU multiply in float32 what is in float32, unless `precision` is `tf32`.

    By itself torch lets convolutions round their factors to 10 bits, TF32. On an H200 scores of one
    network then differed from those of a CPU by 7e-5 in place of 2e-6, and boxes that overlap were
    exchanged.
    """
    if device_type(device) != "cuda" or precision == "tf32":
        yield
        return
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = products.allow_tf32
    products.allow_tf32 = False
    try:
        with cudnn.flags(
            enabled=cudnn.enabled,
            benchmark=cudnn.benchmark,
            benchmark_limit=cudnn.benchmark_limit,
            deterministic=cudnn.deterministic,
            allow_tf32=False,
        ):
            yield
    finally:
        products.allow_tf32 = before


def compile_networks(networks: Iterable[Any]) -> None:
    """Let `torch.compile` compile each network when it is first used."""
    for network in networks:
        network.forward = torch.compile(network.forward)


def lower_precision(networks: Iterable[Any], device: str, precision: str) -> None:
    """Let networks compute in another precision, with autocast.

    Their outputs are converted to float32, so that boxes are decoded as usual: in bfloat16 a corner
    at 600 pixels has an error of up to four.
    """
    for network in networks:
        network.forward = _cast(network.forward, device_type(device), getattr(torch, precision))


def compiling_failure(error: BaseException) -> DetectorError | None:
    """Return what to report if `torch.compile` raised this error; None for any other error."""
    if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return None
    text = f"{type(error).__name__}: {error}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return DetectorError(
        "torch.compile cannot compile the model (compile under [model]): " + " ".join(lines[:3])
    )


def _cast(forward: Callable[..., Any], kind: str, dtype: torch.dtype) -> Callable[..., Any]:
    def lower(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(kind, dtype):
            outputs = forward(*args, **kwargs)
        return _as_float32(outputs, dtype)

    return lower


def _as_float32(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == dtype else value
    if isinstance(value, dict):
        converted = {key: _as_float32(part, dtype) for key, part in value.items()}
        # Outputs of transformers have their values as attributes, too.
        return type(value)(**converted) if hasattr(value, "to_tuple") else converted
    if type(value) in (list, tuple):
        return type(value)(_as_float32(part, dtype) for part in value)
    return value
