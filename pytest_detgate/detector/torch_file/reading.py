"""Reading of a whole file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pytest_detgate.detector.torch_file.known_names import KnownNames
from pytest_detgate.detector.torch_file.limits import Limits
from pytest_detgate.detector.torch_file.program import run_program
from pytest_detgate.detector.torch_file.records import Records
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import StandIn
from pytest_detgate.detector.torch_file.ultralytics import refuse_ultralytics
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import open_regular

_BYTE_ORDER = b"little"


def load_as_data(source: Any, *, device: Any = "cpu") -> object:
    """Return what `torch.load` returns for a file (a path or an open file), and run nothing of it.

    Tensors, plain values and NumPy numbers are what they were; other objects are `StandIn`s. A file
    that needs more than that is a `DetectorError`, and so is a damaged one. Works with any torch
    from 2.0 on.
    """
    name = source if isinstance(source, (str, Path)) else "a checkpoint"
    try:
        with _opened(source) as file:
            records = Records(file)
            refuse_ultralytics(name, records)
            return _read(records, device)
    except NotPlainError as error:
        raise DetectorError(
            f"{name}: refused: {error}. If you know where it comes from, "
            "--detgate-trust-checkpoint loads it, which may run code"
        ) from error
    except RecursionError as error:  # whose text depends on where it happened
        raise damaged(name, UnreadableError("its values are nested too deeply")) from error
    except (UnreadableError, OSError, RuntimeError) as error:
        raise damaged(name, error) from error


def load_trusted(path: Path) -> object:
    """Return what `torch.load` returns for a file that is trusted: this may run code."""
    import torch

    try:
        with open_regular(path) as file, contextlib.suppress(NotPlainError, UnreadableError):
            refuse_ultralytics(path, Records(file))
    except OSError as error:
        raise DetectorError(f"{path}: {error.strerror or error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.load(path, map_location="cpu", weights_only=False)
        except Exception as error:  # broken bytes can raise any error in torch
            raise damaged(path, error) from error


def damaged(name: object, error: Exception) -> DetectorError:
    """Return the error for a file that cannot be read, in one line."""
    lines = str(error).strip().splitlines()
    detail = lines[0] if lines else type(error).__name__
    return DetectorError(
        f"{name}: damaged, or not a checkpoint written by torch.save: {detail[:300]}"
    )


def _read(records: Records, device: Any) -> object:
    import torch

    from pytest_detgate.detector.torch_file.tensors import Tensors

    if "byteorder" in records and records.read("byteorder") != _BYTE_ORDER:
        raise UnreadableError("it was written on a machine with another order of bytes")
    tensors = Tensors(records, torch.device(device))
    limits = Limits(records.size)
    names = KnownNames(tensors.makers(), tensors.values(), limits)
    content = run_program(bytes(records.read("data.pkl")), names.find, tensors.storage, limits)
    if isinstance(content, StandIn):
        raise NotPlainError(f"it is an object of {content.name}")
    return content


@contextlib.contextmanager
def _opened(source: Any) -> Iterator[BinaryIO]:
    if hasattr(source, "seek"):
        yield source
        return
    with open_regular(source) as file:
        yield file
