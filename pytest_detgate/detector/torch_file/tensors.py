"""Tensors made of the records of a file. Importing this module imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pytest_detgate.counts import counted
from pytest_detgate.detector.torch_file.records import Records
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError

_STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.ComplexFloatStorage": torch.complex64,
    # Of a type that has no storage: the tensor says which.
    "torch.storage.UntypedStorage": torch.uint8,
    "torch.UntypedStorage": torch.uint8,
}
_DTYPES = {
    str(dtype): dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype) and "q" not in str(dtype) and "bits" not in str(dtype)
}
_MOST_DIMENSIONS = 64
_LARGEST = 2**48
# Tensors may share their bytes, but not so many that their number outgrows the file.
_SHARED, _SMALL_BYTES = 4, 16_000_000


@dataclass(frozen=True, slots=True)
class StorageKind:
    """The type of the numbers of a storage."""

    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Storage:
    """The bytes of one or several tensors, as a tensor of bytes, and their type."""

    content: torch.Tensor
    dtype: torch.dtype


class Tensors:
    """Makes the tensors of one file on a device.

    All sizes are compared with the records before torch sees them.
    """

    def __init__(self, records: Records, device: torch.device) -> None:
        self._records = records
        self._device = device
        self._contents: dict[str, torch.Tensor] = {}
        self._bytes_left = _SHARED * records.size + _SMALL_BYTES

    def values(self) -> dict[str, object]:
        """Return the types that a file can name."""
        kinds = {name: StorageKind(dtype) for name, dtype in _STORAGES.items()}
        return {**kinds, **_DTYPES}

    def makers(self) -> dict[str, Callable[..., object]]:
        """Return what makes values, by the name that a file has for it."""
        return {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_type,
            "torch._utils._rebuild_parameter": _parameter,
            "torch._utils._rebuild_parameter_with_state": _parameter,
            "torch.Size": _size,
        }

    def storage(self, identity: object) -> Storage:
        """Return the storage that a file refers to: (word, type, record, device, length)."""
        match identity:
            case ("storage", StorageKind(dtype), str(key), _, int(length), *rest) if not any(rest):
                return Storage(self._content(key, length * _itemsize(dtype)), dtype)
        raise UnreadableError("it refers to a storage that is none")

    def _content(self, key: str, size: int) -> torch.Tensor:
        name = f"data/{key}"
        if name not in self._records:
            raise UnreadableError(f"it has no record {name!r}")
        if self._records.size_of(name) != size:
            raise UnreadableError(
                f"its record {name} has {counted(self._records.size_of(name), 'byte')}, and "
                f"{size:,} are asked for"
            )
        if key not in self._contents:
            read = self._records.read(name)
            content = torch.frombuffer(read, dtype=torch.uint8) if read else _no_bytes()
            self._contents[key] = content.to(self._device)
        return self._contents[key]

    def _tensor(
        self,
        storage: object,
        offset: object,
        size: object,
        stride: object,
        requires_grad: object = False,
        hooks: object = None,
        metadata: object = None,
    ) -> torch.Tensor:
        if not isinstance(storage, Storage):
            raise UnreadableError("a tensor has no storage")
        of_type = (storage.dtype, metadata)
        return self._tensor_of_type(storage, offset, size, stride, requires_grad, hooks, *of_type)

    def _tensor_of_type(
        self,
        storage: object,
        offset: object,
        size: object,
        stride: object,
        requires_grad: object,
        hooks: object,
        dtype: object,
        metadata: object = None,
    ) -> torch.Tensor:
        if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
            raise UnreadableError("a tensor has no storage or no type")
        if metadata:
            raise NotPlainError("it holds a conjugated or negated tensor")
        sizes, strides, (start,) = _lengths(size), _lengths(stride), _lengths((offset,))
        self._require_within(storage, dtype, start, sizes, strides)
        tensor = torch.empty((0,), dtype=dtype, device=self._device)
        tensor.set_(storage.content.untyped_storage(), start, sizes, strides)
        if requires_grad is True and _has_gradient(dtype):
            tensor.requires_grad = True
        return tensor

    def _require_within(
        self,
        storage: Storage,
        dtype: torch.dtype,
        start: int,
        sizes: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> None:
        """Raise unless all numbers of a tensor are numbers of its storage."""
        if len(sizes) != len(strides) or len(sizes) > _MOST_DIMENSIONS:
            raise UnreadableError(f"a tensor has {len(sizes)} sizes and {len(strides)} strides")
        available = storage.content.numel() // _itemsize(dtype)
        n_numbers = math.prod(sizes)
        last = sum((size - 1) * step for size, step in zip(sizes, strides, strict=True))
        end = start + last + 1 if n_numbers else start
        if end > available:
            raise UnreadableError(
                f"a tensor reaches to number {end:,} of a storage of {available:,}"
            )
        self._bytes_left -= n_numbers * _itemsize(dtype)
        if self._bytes_left < 0:
            raise UnreadableError("its tensors are much larger than the file")


def _itemsize(dtype: torch.dtype) -> int:
    return int(torch.empty((), dtype=dtype).element_size())


def _no_bytes() -> torch.Tensor:
    return torch.empty((0,), dtype=torch.uint8)


def _lengths(value: object) -> tuple[int, ...]:
    if not isinstance(value, (tuple, torch.Size)) or not all(type(size) is int for size in value):
        raise UnreadableError("a size or place of a tensor is no whole number")
    if any(size < 0 or size > _LARGEST for size in value):
        raise UnreadableError("a size or place of a tensor is below zero or far too large")
    return tuple(value)


def _has_gradient(dtype: torch.dtype) -> bool:
    return bool(dtype.is_floating_point or dtype.is_complex)


def _parameter(data: object, requires_grad: object, *_: object) -> torch.Tensor:
    if not isinstance(data, torch.Tensor):
        raise UnreadableError("a parameter is no tensor")
    return torch.nn.Parameter(data, requires_grad is True and _has_gradient(data.dtype))


def _size(sizes: object) -> torch.Size:
    return torch.Size(_lengths(sizes))
