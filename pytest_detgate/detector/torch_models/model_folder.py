"""A folder that `save_pretrained` of transformers wrote, checked before transformers reads it."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pytest_detgate.detector.loading_limits.network_size import (
    StoredSize,
    require_possible_integers,
)
from pytest_detgate.detector.name_lists import shown_name
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import is_file, read_beginning, read_regular

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PROCESSOR = "preprocessor_config.json"
_OTHER_PROCESSOR = "processor_config.json"
# Implementations that transformers has itself; another name is that of code on the hub.
_OWN_ATTENTION = (None, "eager", "sdpa")
# Keys of configurations that name code, or weights that are elsewhere.
_CODE = ("auto_map", "custom_pipelines", "quantization_config", "use_kernels", "kernel_config")
_ELSEWHERE = ("transformers_weights", "peft_config", "base_model_name_or_path")
# Configurations that a release of transformers reads in place of the one that was checked.
_OTHER_CONFIGURATIONS = "configuration_files"
# A name of timm has none of these; what has is a folder, or a model on the hub.
_OF_PLACES = frozenset("/\\:")
_LARGEST_JSON = 50_000_000
_HEADER_SIZE = 8
# Of safetensors: those of weights, and those of counts, indices and masks.
_TYPES = ("F16", "BF16", "F32", "F64", "I32", "I64", "BOOL")


def is_model_folder(path: Path) -> bool:
    """Return whether a path is a folder with a model of transformers."""
    return path.is_dir() and (path / CONFIG).is_file()


def weights_of(folder: Path) -> Path:
    """Return the file of a folder that identifies its weights."""
    for name in (WEIGHTS, INDEX):
        if (folder / name).is_file():
            return folder / name
    pickles = sorted(path.name for path in folder.glob("*.bin"))
    has = (
        f"it has {pickles[0]}, a pickle, which is not read. Save it again with save_pretrained"
        if pickles
        else "a model is a folder that save_pretrained wrote"
    )
    raise DetectorError(f"{folder}: there is no {WEIGHTS} in it; {has}")


def folder_files(weights: Path) -> tuple[Path, ...]:
    """Return the other files of a model: its configurations, and the parts of its weights.

    Refuses a folder whose files name code, or files elsewhere.
    """
    folder = weights.parent
    if (folder / "adapter_config.json").exists():
        raise DetectorError(
            f"{folder}: it holds an adapter, whose model is elsewhere; merge them and save the "
            "result with save_pretrained"
        )
    if not (folder / CONFIG).is_file():
        raise DetectorError(f"{folder}: there is no {CONFIG} in it")
    files = [folder / name for name in (CONFIG, PROCESSOR, _OTHER_PROCESSOR)]
    files = [path for path in files if path.is_file()]
    if len(files) < 2:
        raise DetectorError(
            f"{folder}: there is no {PROCESSOR} in it, which says how images go into the model; "
            "save it with processor.save_pretrained"
        )
    for path in files:
        _require_plain(path)
    parts = _parts(weights) if weights.name == INDEX else ()
    for part in parts or (weights,):
        _require_header(part)
        _require_plain_types(part)
    return (*files, *parts)


def stored_size(weights: Path) -> StoredSize:
    """Return how many weights the files of a folder have, by their headers."""
    files = _parts(weights) if weights.name == INDEX else (weights,)
    sizes = [_header_size(path) for path in files]
    return StoredSize(sum(size.weights for size in sizes), sum(size.numbers for size in sizes))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; `DetectorError` if it has none."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError("it is far too large")
        return json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError) as error:
        raise DetectorError(f"{path}: damaged, or not JSON: {error}") from error


def _parts(index: Path) -> tuple[Path, ...]:
    content = read_json(index)
    names = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not names:
        raise DetectorError(f"{index}: it has no weight_map")
    parts = []
    for name in sorted({str(name) for name in names.values()}):
        if name != PurePosixPath(name).name or name != PureWindowsPath(name).name:
            raise DetectorError(f"{index}: refused, because {name[:100]!r} is outside its folder")
        if not name.endswith(".safetensors"):
            raise DetectorError(f"{index}: refused, because {name[:100]!r} is no safetensors file")
        if not is_file(index.parent / name):
            raise DetectorError(f"{index}: there is no file {name[:100]!r}")
        parts.append(index.parent / name)
    return tuple(parts)


def _require_plain(path: Path) -> None:
    content = read_json(path)
    require_possible_integers(content, str(path))
    for key, value in _items(path, content):
        if key in _CODE and value:
            raise DetectorError(
                f"{path}: refused, because {key} in it asks for code that is not in transformers"
            )
        if key in _ELSEWHERE and value:
            raise DetectorError(
                f"{path}: refused, because {key} in it names weights that are elsewhere"
            )
        if key.strip("_").startswith(("attn_implementation", "experts_implementation")):
            values = value.values() if isinstance(value, Mapping) else [value]
            if any(attention not in _OWN_ATTENTION for attention in values):
                raise DetectorError(
                    f"{path}: refused, because {key} in it names code that is not in "
                    "transformers; allowed are eager and sdpa"
                )
        if key == _OTHER_CONFIGURATIONS and value:
            raise DetectorError(
                f"{path}: refused, because {key} in it names other configurations; keep one, in "
                f"{CONFIG}"
            )
        is_name = key in ("backbone", "architecture") and isinstance(value, str)
        if is_name and _OF_PLACES & set(value):
            raise DetectorError(
                f"{path}: refused, because its {key} {value[:100]!r} is elsewhere; save the model "
                "with a backbone_config"
            )


def _items(path: Path, content: Any) -> Iterator[tuple[str, Any]]:
    """Yield all keys of a configuration and of the parts in it, with their values."""
    if not isinstance(content, dict):
        raise DetectorError(f"{path}: expected an object of JSON, found {type(content).__name__}")
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _header_size(path: Path) -> StoredSize:
    """Return the number of weights that a header of safetensors lists, and of their numbers."""
    tensors = _tensors(path)
    numbers = sum(math.prod(tensor["shape"]) for tensor in tensors.values())
    # A damaged header may promise more, and transformers says so.
    return StoredSize(len(tensors), min(numbers, path.stat().st_size))


def _tensors(path: Path) -> dict[str, Any]:
    """Return what a header of safetensors says of each weight; nothing of a damaged one, which
    transformers refuses."""
    with contextlib.suppress(ValueError, RecursionError, AttributeError, TypeError, KeyError):
        header = json.loads(
            read_beginning(path, _HEADER_SIZE + _header_length(path))[_HEADER_SIZE:]
        )
        tensors = {name: value for name, value in header.items() if name != "__metadata__"}
        if all(math.prod(value["shape"]) >= 0 and value["dtype"] for value in tensors.values()):
            return tensors
    return {}


def _require_plain_types(path: Path) -> None:
    """Refuse numbers of 8 bits and the like, which have a scale elsewhere: transformers would take
    -3 for -3.0."""
    for name, tensor in _tensors(path).items():
        if tensor["dtype"] not in _TYPES:
            raise DetectorError(
                f"{path}: {shown_name(name)} is stored as {str(tensor['dtype'])[:20]}, as in a "
                "quantized model; save the model in float32 or float16"
            )


def _require_header(path: Path) -> None:
    """Raise unless the header of a safetensors file fits into the file."""
    if _header_length(path) + _HEADER_SIZE > path.stat().st_size:
        raise DetectorError(f"{path}: damaged, or not a safetensors file: its header is cut off")


def _header_length(path: Path) -> int:
    start = read_beginning(path, _HEADER_SIZE)
    return struct.unpack("<Q", start)[0] if len(start) == _HEADER_SIZE else path.stat().st_size
