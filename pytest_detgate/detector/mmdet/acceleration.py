"""How a built model computes: memory format, folded batch norm, precision, compilation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmdet.structures import DetDataSample
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval

from pytest_detgate.detector.devices import device_type
from pytest_detgate.errors import DetectorError

# What is folded rounds differently, by some 1e-6 of the largest output; what is wired wrongly
# differs by as much as the outputs themselves.
_SAME = 1e-4
_PROBE_SHAPE = (256, 320)


def accelerate(model: Any, device: str) -> tuple[str, ...]:
    """Make a model in evaluation mode faster without changing what it finds.

    Batch norm is folded into the convolutions before it, and convolutions get their weights in
    `channels_last` order, which spares the kernels reordering. Each is tried on a picture of
    noise and taken back where the model's raw outputs differ by more than rounding, or it fails.
    Returns the names of what was kept.
    """
    expected = _outputs(model, device)
    if expected is None:
        return ()  # a model that wants more than a picture, or another size: left as it is
    kept = []
    for name, change in (("fused", _fuse), ("channels_last", _channels_last)):
        undo = change(model)
        if _same(_outputs(model, device), expected):
            kept.append(name)
        else:
            undo()
    return tuple(kept)


def _outputs(model: Any, device: str) -> list[torch.Tensor] | None:
    """What the network says of a picture of noise, before any box is decoded."""
    height, width = _PROBE_SHAPE
    noise = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, height, width), generator=noise, dtype=torch.uint8)
    shapes = {"ori_shape": _PROBE_SHAPE, "img_shape": _PROBE_SHAPE, "scale_factor": (1.0, 1.0)}
    sample = DetDataSample(metainfo={"img_id": 0, "img_path": "", **shapes})
    on_gpu = device_type(device) == "cuda"
    try:
        with (
            torch.inference_mode(),
            torch.random.fork_rng([device] if on_gpu else []),
            # TF32 differs by more than folding does.
            torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False),
        ):
            data = model.data_preprocessor({"inputs": [pixels], "data_samples": [sample]}, False)
            answer = model(data["inputs"], data["data_samples"], mode="tensor")
            return [tensor.float().clone() for tensor in tensors(answer)]
    except Exception:  # the model may be the project's own, and take only what it is used to
        return None


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in an output: a tensor, or a list, tuple or dictionary of outputs."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors(part)


def _same(found: list[torch.Tensor] | None, expected: list[torch.Tensor]) -> bool:
    if not expected or found is None or len(found) != len(expected):
        return False
    return all(
        one.shape == other.shape
        and bool(((one - other).abs() <= _SAME * max(1.0, float(other.abs().amax()))).all())
        for one, other in zip(found, expected, strict=True)
        if other.numel()
    )


def _channels_last(model: Any) -> Callable[[], object]:
    model.to(memory_format=torch.channels_last)
    return lambda: model.to(memory_format=torch.contiguous_format)


def _fuse(model: Any) -> Callable[[], object]:
    """Fold each batch norm that a `ConvModule` applies right after its convolution.

    Every fold gets a convolution of its own: heads such as RTMDet's share one convolution among
    several norms, which `mmcv.cnn.fuse_conv_bn` would fold into it one after another.
    """
    before = [
        (module, module.conv, module.norm_name, module.norm)
        for module in model.modules()
        if _foldable(module)
    ]
    for module, conv, norm_name, norm in before:
        module.conv = fuse_conv_bn_eval(conv, norm).requires_grad_(False)
        setattr(module, norm_name, torch.nn.Identity())

    def undo() -> None:
        for module, conv, norm_name, norm in before:
            module.conv = conv
            setattr(module, norm_name, norm)

    return undo


def _foldable(module: Any) -> bool:
    if getattr(type(module), "forward", None) is not ConvModule.forward:
        return False
    conv, norm, order = module.conv, module.norm, module.order
    return (
        type(conv) is torch.nn.Conv2d
        and isinstance(norm, _BatchNorm)
        and type(norm).forward is _BatchNorm.forward
        and norm.running_mean is not None
        and getattr(module, "efficient_conv_bn_eval_forward", None) is None
        and order.index("norm") == order.index("conv") + 1
        and not module.with_spectral_norm
        and not any(
            part._forward_hooks or part._forward_pre_hooks or hasattr(part, "parametrizations")
            for part in (conv, norm)
        )
    )


def check_precision(precision: str, device: str) -> None:
    """Refuse a precision that the device does not compute in."""
    if device_type(device) == "cpu":
        if precision == "float16":
            raise DetectorError(
                "precision 'float16' under [model] needs a GPU: on a CPU, allowed are float32 "
                "and bfloat16"
            )
    elif precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise DetectorError(
            f"precision 'bfloat16' under [model]: {device} does not compute in it; allowed are "
            "float32 and float16"
        )


def compile_parts(model: Any) -> None:
    """Let `torch.compile` compile each of the model's networks, when it is first used."""
    for _, part in networks(model):
        part.forward = torch.compile(part.forward)


def lower_precision(model: Any, device: str, precision: str) -> None:
    """Let the model's networks compute in another precision, as autocast does.

    What they answer is float32 again, so that boxes are decoded and compared as ever: in
    bfloat16 a corner at 600 pixels is known to four.
    """
    for _, part in networks(model):
        part.forward = _cast(part.forward, device_type(device), getattr(torch, precision))


def _cast(forward: Callable[..., Any], kind: str, dtype: torch.dtype) -> Callable[..., Any]:
    def lower(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(kind, dtype):
            answer = forward(*args, **kwargs)
        return _as_float32(answer, dtype)

    return lower


def _as_float32(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == dtype else value
    if isinstance(value, dict):
        return {key: _as_float32(part, dtype) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_as_float32(part, dtype) for part in value)
    return value


def networks(
    module: Any, *, with_preprocessor: bool = False, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Name and module of the model's own parts: backbone, neck, heads. Heads of regions are looked
    into, for a model asks their parts."""
    for name, child in module.named_children():
        if name.startswith("loss") or (name == "data_preprocessor" and not with_preprocessor):
            continue
        if isinstance(child, torch.nn.ModuleList) or name == "roi_head":
            yield from networks(child, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def compiling_failed(error: BaseException) -> bool:
    """Tell whether an error is that of `torch.compile`."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))
