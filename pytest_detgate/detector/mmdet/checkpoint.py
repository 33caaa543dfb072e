"""Checkpoints read as data: nothing stored in them is run."""

from __future__ import annotations

import contextlib
import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import open_regular, require_regular

# What MMEngine stores beside weights (histories of logged values, NumPy scalars). The gate uses
# none of it, so each name gets an inert stand-in. The histories ask for `builtins.getattr`, and
# allowing the real one would allow almost anything.
_NOT_NEEDED = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
    "builtins.slice",
    "numpy.ndarray",
    "numpy.dtype",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
)


class StandIn:
    """Replaces an object that is not needed, and accepts any arguments."""

    def __new__(cls, *args: object) -> StandIn:
        return super().__new__(cls)

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights and the metadata stored with them."""

    path: Path
    state_dict: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def config_text(self) -> str | None:
        """The configuration the model was trained with, as MMEngine writes it."""
        text = self.meta.get("cfg")
        return text if isinstance(text, str) and text.strip() else None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names, if the checkpoint has them."""
        dataset = self.meta.get("dataset_meta")
        dataset = dataset if isinstance(dataset, Mapping) else {}
        # MMDetection 2 and early 3 wrote the upper-case name, the former outside of dataset_meta.
        for holder, name in ((dataset, "classes"), (dataset, "CLASSES"), (self.meta, "CLASSES")):
            if (names := class_names(holder.get(name))) is not None:
                return names
        return None

    @property
    def epoch(self) -> int | None:
        """Number of epochs that the model was trained for."""
        epoch = self.meta.get("epoch")
        return epoch if type(epoch) is int else None


def class_names(value: object) -> tuple[str, ...] | None:
    """Read class names as configurations and checkpoints write them; None if there are none."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    return None


def require_checkpoint(path: Path) -> None:
    """Raise unless the path is a file that can be a checkpoint."""
    if not path.exists():
        raise DetectorError(f"{path}: there is no such checkpoint")
    try:
        require_regular(path)
    except OSError as error:
        raise DetectorError(f"{path}: a checkpoint is a file: {error.strerror}") from None
    if path.stat().st_size == 0:
        raise DetectorError(f"{path}: the checkpoint is empty (0 bytes)")


def read_checkpoint(path: Path, *, trust: bool = False) -> Checkpoint:
    """Read a checkpoint; one that needs to run code is refused, unless it is trusted."""
    require_checkpoint(path)
    content = _load(path, trust=trust)
    if not isinstance(content, Mapping) or not isinstance(content.get("state_dict"), Mapping):
        kind = f"a {type(content).__name__}"
        contents = _keys(content) if isinstance(content, Mapping) else kind
        raise DetectorError(
            f"{path}: not a checkpoint of MMEngine: no state_dict; it holds {contents}"
        )
    meta = content.get("meta")
    return Checkpoint(path, content["state_dict"], meta if isinstance(meta, Mapping) else {})


def _load(path: Path, *, trust: bool) -> object:
    import torch

    if not trust:
        return load_as_data(path, [(StandIn, name) for name in _NOT_NEEDED])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.load(path, map_location="cpu", weights_only=False)
        except Exception as error:  # broken bytes can raise any error in torch
            raise _damaged(path, error) from error


def load_as_data(source: Any, allowed: Sequence[Any], *, map_location: Any = "cpu") -> object:
    """Load a file (a path or an open file) as `torch.load` does, but run nothing of it.

    `allowed` are types, or pairs of a type and the name that it is stored under, which the file may
    use beside tensors and plain values. Anything else is a `DetectorError`.
    """
    import torch

    name = source if isinstance(source, (str, Path)) else "a checkpoint"
    if _release(torch.__version__) < (2, 6):
        # Before 2.6 a crafted file could run code in spite of weights_only (CVE-2025-32434).
        raise DetectorError(
            f"{name}: torch {torch.__version__} cannot read checkpoints safely; install "
            "torch 2.6 or newer, or allow this file with --detgate-trust-checkpoint"
        )
    _refuse_unpacking(source, name)
    with warnings.catch_warnings(), _allow_only(allowed):
        warnings.simplefilter("ignore")
        try:
            return torch.load(source, map_location=map_location, weights_only=True)
        except Exception as error:  # broken bytes can raise any error in torch
            request = _refused_request(source, error)
            if request is None:
                raise _damaged(name, error) from error
            raise DetectorError(
                f"{name}: refused, because reading it could run code: {request}. If you know where "
                "it comes from, --detgate-trust-checkpoint allows it"
            ) from error


def _refuse_unpacking(source: Any, name: object) -> None:
    """Raise if a zip file unpacks to much more than its size.

    Torch does not compress; a crafted file of a few kilobytes can fill the memory.
    """
    with _opened(source) as file:
        try:
            unpacked = sum(entry.file_size for entry in zipfile.ZipFile(file).infolist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return  # torch reports the error
        size = file.seek(0, io.SEEK_END)
    if unpacked > 4 * size + 16e6:
        raise DetectorError(
            f"{name}: not a checkpoint written by torch.save: {size / 1e6:,.1f} MB that unpack to "
            f"{unpacked / 1e6:,.1f} MB"
        )


@contextlib.contextmanager
def _opened(source: Any) -> Iterator[Any]:
    """Open a file; if it is open already, restore its position afterwards."""
    if not hasattr(source, "seek"):
        with open_regular(source) as file:
            yield file
        return
    start = source.tell()
    source.seek(0)
    try:
        yield source
    finally:
        source.seek(start)


@contextlib.contextmanager
def _allow_only(allowed: Sequence[Any]) -> Iterator[None]:
    """Allow these types, and none that other code has allowed in this process: MMEngine's list has
    the real `getattr`."""
    from torch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals

    others = get_safe_globals()
    clear_safe_globals()
    try:
        add_safe_globals(list(allowed))
        yield
    finally:
        clear_safe_globals()
        add_safe_globals(others)


def _damaged(name: object, error: Exception) -> DetectorError:
    lines = str(error).strip().splitlines()
    detail = lines[0] if lines else type(error).__name__
    if "TorchScript" in detail:
        detail = "it is a TorchScript program"
    return DetectorError(
        f"{name}: damaged, or not a checkpoint written by torch.save: {detail[:300]}"
    )


def _refused_request(source: Any, error: Exception) -> str | None:
    """Say what a refused file asked for; None if it is not a checkpoint."""
    text = str(error)
    if "legacy .tar" in text:
        return "it has a format that torch wrote before 2017, which is unpickled without limits"
    if operand := re.search(r"Unsupported operand (\d+)", text):
        return _operation(int(operand[1])) if _is_pickled(source) else None
    if detail := re.search(r"WeightsUnpickler error:\s*(\S.*)", text):
        return detail[1]
    if isinstance(error, pickle.UnpicklingError) and (names := _requested_names(source, text)):
        shown = (name if name.isprintable() else repr(name) for name in names)
        return f"it asks for {', '.join(shown)}"
    return None


def _operation(code: int) -> str:
    names = {operation.code: operation.name for operation in pickletools.opcodes}
    name = names.get(chr(code), code)
    return f"it uses the pickle operation {name}, which weights do not need"


def _is_pickled(source: Any) -> bool:
    with _opened(source) as file:
        return file.read(2)[:1] == b"\x80" or zipfile.is_zipfile(file)


def _requested_names(source: Any, text: str) -> list[str]:
    import torch

    try:
        if hasattr(source, "seek"):
            source.seek(0)
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(source))
    except Exception:  # files in torch's older format cannot be listed without being loaded
        return re.findall(r"GLOBAL (\S+)", text)[:1]


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _keys(content: Mapping[Any, Any]) -> str:
    names = (str(name) if str(name).isprintable() else repr(name) for name in content)
    return first_names(names, 5) or "nothing"
