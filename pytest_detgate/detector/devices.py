"""Devices: their names, how many there are, and exclusive use of GPUs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError
from pytest_detgate.locks import lock_if_possible
from pytest_detgate.progress import NoProgress, Progress

_DEVICE = re.compile(r"auto|cpu|cuda(?::\d+)?")


def check_device(device: str) -> str:
    """Return a device as the user typed it, if it is a valid name."""
    if not _DEVICE.fullmatch(device):
        raise DetectorError(f"device {device!r}: allowed are auto, cpu, cuda and cuda:N")
    return device


def checked_device(reported: object, requested: str, maker: str) -> str:
    """Return the device that a detector reports, `cpu` or `cuda:N`.

    A `DetectorError` names the `maker` of the detector if it is not a device, or not the requested
    one.
    """
    device = str(reported)
    try:
        check_device(device)
    except DetectorError as error:
        raise DetectorError(f"{maker}: {error}") from None
    is_other_type = requested != "auto" and not device.startswith(device_type(requested))
    if device == "auto" or is_other_type:
        raise DetectorError(
            f"{maker} should run on {requested}, but reports that it runs on {device}"
        )
    return "cuda:0" if device == "cuda" else device


def require_some_gpu(device: str) -> None:
    """Raise if `cuda` or `cuda:N` is requested and neither the driver nor torch has it."""
    number = int(device.partition(":")[2] or 0)
    if device.startswith("cuda") and visible_gpus() <= number and gpu_count() <= number:
        raise DetectorError(f"device {device!r}: there is no such CUDA device here")


def accepts(requested: str, made_on: str) -> bool:
    """Return whether detections made on one device are valid for a requested device.

    `auto` accepts both. CPU and GPU differ in the last digits, so a request for one of them accepts
    only its own detections.
    """
    return requested == "auto" or device_type(requested) == device_type(made_on)


def device_type(device: str) -> str:
    """Return the type of a device: `cpu` or `cuda`."""
    return device.partition(":")[0]


def resolve_device(requested: str) -> str:
    """Return the device that a model of MMDetection uses, or raise if there is none."""
    device = torch_device(requested)
    if device != "cpu":
        import torch

        _check_operators(device, torch.cuda.get_device_name(device))
    return device


def torch_device(requested: str) -> str:
    """Return the device that torch uses, `cpu` or `cuda:N`, or raise if there is none."""
    import torch

    if requested == "cpu" or (requested == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        built = "" if torch.version.cuda else f"; torch {torch.__version__} is built without CUDA"
        raise DetectorError(f"device {requested!r}: there is no CUDA device here{built}")
    number = int(requested.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        raise DetectorError(
            f"device {requested!r}: there are {torch.cuda.device_count()} CUDA devices here, "
            f"cuda:0 to cuda:{torch.cuda.device_count() - 1}"
        )
    return f"cuda:{number}"


def gpu_count() -> int:
    """Return how many GPUs torch can use; 0 if it is not installed."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see require_mmdetection
    try:
        with quiet():
            import torch
    except Exception:  # loading the model reports the error
        return 0
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def visible_gpus() -> int:
    """Return how many GPUs the driver shows to this process; imports nothing."""
    count = ctypes.c_int()
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except OSError:
        return 0
    return count.value


def _check_operators(device: str, name: str) -> None:
    import torch
    from mmcv.ops import nms

    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]], device=device)
    try:
        nms(box, torch.ones(1, device=device), 0.5)
    except RuntimeError as error:
        raise DetectorError(
            f"mmcv's operators cannot run on {device} ({name}): "
            f"{str(error).strip().splitlines()[0]}. Install mmcv built with CUDA for it, "
            "or ask for --detgate-device=cpu"
        ) from error


def exclusive(
    device: str, progress: Progress | None = None
) -> contextlib.AbstractContextManager[None]:
    """Hold a GPU for this process among all gates of this user on this machine.

    Two models at once would share its memory and gain no time; that is slower, but correct. A CPU
    is not held, nor is `cuda` without a number: their user holds several GPUs. `progress` shows
    that it waits for another gate.
    """
    return exclusive_all([device], progress)


@contextlib.contextmanager
def exclusive_all(devices: Iterable[str], progress: Progress | None = None) -> Iterator[None]:
    """Hold several GPUs, each as `exclusive` does.

    All gates take them in the same order, so that no two wait for each other.
    """
    shown = progress or NoProgress()

    def waiting() -> contextlib.AbstractContextManager[object]:
        return shown.task("another gate is using the GPU", 1, "turns")

    gpus = {_identity(device) for device in devices if device.startswith("cuda:")}
    with contextlib.ExitStack() as stack:
        for gpu in sorted(gpus):
            name = f"pytest-detgate-{_user()}-{gpu}"
            path = Path(tempfile.gettempdir()) / name
            stack.enter_context(lock_if_possible(path, waiting=waiting))
        yield


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _identity(device: str) -> str:
    """Return a name of the GPU itself: `cuda:0` depends on CUDA_VISIBLE_DEVICES."""
    number = int(device.partition(":")[2] or 0)
    if gpu_count() <= number:  # other frameworks need no torch, or no CUDA in it
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return re.sub(r"\W+", "-", f"{visible}-{number}") + ".lock"
    import torch

    properties = torch.cuda.get_device_properties(number)
    unique = getattr(properties, "uuid", None)
    return re.sub(r"\W+", "-", str(unique or f"{properties.name}-{number}")) + ".lock"
