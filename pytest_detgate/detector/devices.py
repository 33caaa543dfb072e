"""Where a model runs."""

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

_DEVICE = re.compile(r"auto|cpu|cuda(?::\d+)?")


def check_device(device: str) -> str:
    """Return a device as the user typed it, or say what may be asked for."""
    if not _DEVICE.fullmatch(device):
        raise DetectorError(f"device {device!r}: allowed are auto, cpu, cuda and cuda:N")
    return device


def said_device(said: object, asked: str, who: str) -> str:
    """Where a detector says that it runs, `cpu` or `cuda:N`; a `DetectorError` that names `who`
    made it where that is no device, or not the one that was asked for."""
    device = str(said)
    try:
        check_device(device)
    except DetectorError as error:
        raise DetectorError(f"{who}: {error}") from None
    if device == "auto" or (asked != "auto" and not device.startswith(asked.partition(":")[0])):
        raise DetectorError(f"{who} was asked to run on {asked} and says that it runs on {device}")
    return "cuda:0" if device == "cuda" else device


def require_some_gpu(device: str) -> None:
    """Raise where `cuda` or `cuda:N` is asked for and neither the driver nor torch has it."""
    number = int(device.partition(":")[2] or 0)
    if device.startswith("cuda") and visible_gpus() <= number and gpu_count() <= number:
        raise DetectorError(f"device {device!r}: there is no such CUDA device here")


def accepts(requested: str, made_on: str) -> bool:
    """Tell whether detections made on one device answer a request for another.

    `auto` takes them as they are; CPU and GPU differ in the last digits, so who asks for one of
    them gets what that one says.
    """
    return requested == "auto" or device_type(requested) == device_type(made_on)


def device_type(device: str) -> str:
    """`cpu` or `cuda`."""
    return device.partition(":")[0]


def resolve_device(requested: str) -> str:
    """Name the device to use, or say why there is none; imports torch."""
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
    _check_operators(f"cuda:{number}", torch.cuda.get_device_name(number))
    return f"cuda:{number}"


def gpu_count() -> int:
    """How many GPUs torch can use; none where it is not installed."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see require_mmdetection
    try:
        with quiet():
            import torch
    except Exception:  # whoever loads the model says what is wrong
        return 0
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def visible_gpus() -> int:
    """How many GPUs the driver shows to this process; imports nothing for it."""
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


def exclusive(device: str) -> contextlib.AbstractContextManager[None]:
    """Hold a GPU for this process among all gates of this user on this machine.

    Two models at once would share its memory and gain no time; that is slower, not wrong. A CPU
    is not held, nor is `cuda` without a number: whoever uses several GPUs holds them itself.
    """
    return exclusive_all([device])


@contextlib.contextmanager
def exclusive_all(devices: Iterable[str]) -> Iterator[None]:
    """Hold several GPUs, each as `exclusive` does.

    They are taken in an order that all gates keep, so that no two wait for each other.
    """
    gpus = {_identity(device) for device in devices if device.startswith("cuda:")}
    with contextlib.ExitStack() as held:
        for gpu in sorted(gpus):
            name = f"pytest-detgate-{_user()}-{gpu}"
            held.enter_context(lock_if_possible(Path(tempfile.gettempdir()) / name))
        yield


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _identity(device: str) -> str:
    """Name the GPU itself: `cuda:0` is another one under another CUDA_VISIBLE_DEVICES."""
    number = int(device.partition(":")[2] or 0)
    if gpu_count() <= number:  # other frameworks do without torch, or without its CUDA
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return re.sub(r"\W+", "-", f"{visible}-{number}") + ".lock"
    import torch

    properties = torch.cuda.get_device_properties(number)
    unique = getattr(properties, "uuid", None)
    return re.sub(r"\W+", "-", str(unique or f"{properties.name}-{number}")) + ".lock"
