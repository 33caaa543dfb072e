"""Faster computation of a built model: memory format, folding of batch norms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmdet.structures import DetDataSample
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval

from pytest_detgate.detector.devices import device_type

# Folding changes outputs by some 1e-6 of the largest one; a mistake in folding changes them by as
# much as the outputs themselves.
_SAME = 1e-4
_PROBE_SHAPE = (256, 320)


def accelerate(model: Any, device: str) -> tuple[str, ...]:
    """Make a model in evaluation mode faster without changing its detections.

    Batch norm is folded into the convolution before it, and convolutions get their weights in
    `channels_last` order, so that the kernels need not reorder them. Each change is tried on an
    image of noise, and undone if the raw outputs differ by more than rounding, or it fails. Returns
    the names of the changes that remain.
    """
    expected = _outputs(model, device)
    if expected is None:
        return ()  # a model that needs another input than an image of this size
    applied = []
    for name, change in (("fused", _fuse), ("channels_last", _channels_last)):
        undo = change(model)
        if _same(_outputs(model, device), expected):
            applied.append(name)
        else:
            undo()
    return tuple(applied)


def _outputs(model: Any, device: str) -> list[torch.Tensor] | None:
    """Return the raw outputs for an image of noise; None if the model cannot process it."""
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
            outputs = model(data["inputs"], data["data_samples"], mode="tensor")
            return [tensor.float().clone() for tensor in tensors(outputs)]
    except Exception:  # a model of the project may accept only its usual inputs
        return None


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Yield every tensor in an output: a tensor, or a list, tuple or dictionary of outputs."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors(part)


def _same(outputs: list[torch.Tensor] | None, expected: list[torch.Tensor]) -> bool:
    if not expected or outputs is None or len(outputs) != len(expected):
        return False
    return all(
        output.shape == other.shape
        and bool(((output - other).abs() <= _SAME * max(1.0, float(other.abs().amax()))).all())
        for output, other in zip(outputs, expected, strict=True)
        if other.numel()
    )


def _channels_last(model: Any) -> Callable[[], object]:
    model.to(memory_format=torch.channels_last)
    return lambda: model.to(memory_format=torch.contiguous_format)


def _fuse(model: Any) -> Callable[[], object]:
    """Fold each batch norm that a `ConvModule` applies right after its convolution.

    Every fold makes a new convolution: heads such as RTMDet's share one convolution among several
    norms, and `mmcv.cnn.fuse_conv_bn` would fold all of them into it.
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


def networks(
    module: Any, *, with_preprocessor: bool = False, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield name and module of the parts of a model: backbone, neck, heads.

    Of a head for regions its parts are yielded, because the model calls those.
    """
    for name, child in module.named_children():
        if name.startswith("loss") or (name == "data_preprocessor" and not with_preprocessor):
            continue
        if isinstance(child, torch.nn.ModuleList) or name == "roi_head":
            yield from networks(child, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child
