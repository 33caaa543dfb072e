"""The data sets of a configuration of MMDetection.

Its values are read without running it as long as they are plain: numbers, texts, lists, `dict(...)`
and names of such values, in the file and in those of `_base_`. A configuration that computes them
is code of the project, and is run by MMEngine as MMDetection runs it.
"""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError, DetectorError
from pytest_detgate.first_config.layouts.splits import FoundData, FoundSplit

_LOADERS = {"train_dataloader": "train", "val_dataloader": "val", "test_dataloader": "test"}
_DELETE = "_delete_"


class _NotPlainError(Exception):
    """A value that only running the configuration can tell."""


def splits_of_config(path: Path) -> FoundData:
    """The splits that the loaders of a configuration name; `DataError` where there is none."""
    notes: tuple[str, ...] = ()
    try:
        config = plain_config(path)
        list(_data_sets(config))
    except _NotPlainError as error:
        config = _run(path, str(error))
        notes = (f"{path.name} computes its values, so it was run, as MMDetection runs it",)
    splits: list[FoundSplit] = []
    for name, data_set in _data_sets(config):
        split = _split(name, data_set, path)
        is_new = all(
            (split.annotations, split.listed) != (other.annotations, other.listed)
            for other in splits
        )
        if is_new:
            splits.append(split)
    if not splits:
        raise DataError(f"{path}: no train_dataloader with a data set of MMDetection")
    work_dir = config.get("work_dir")
    return FoundData(
        kind="a configuration of MMDetection",
        splits=tuple(splits),
        notes=notes,
        config=path,
        work_dir=Path(work_dir) if isinstance(work_dir, str) else Path("work_dirs", path.stem),
    )


def _run(path: Path, reason: str) -> Mapping[str, Any]:
    if importlib.util.find_spec("mmengine") is None:
        raise DataError(
            f"{path}: {reason}, so it has to be run, and MMEngine is not installed here; install "
            "pytest-detgate[mmdet], or name the annotation files"
        )
    from pytest_detgate.detector.mmdet.config_files import resolved_config

    try:
        config: Mapping[str, Any] = resolved_config(path)
    except DetectorError as error:
        raise DataError(str(error)) from None
    except SystemExit as error:
        raise DataError(f"{path}: it ended with exit code {error.code} when it was run") from None
    return config


def plain_config(path: Path, _above: tuple[Path, ...] = ()) -> Mapping[str, Any]:
    """The values of a configuration and of its `_base_` files. A value that is not plain is left
    as an exception, which is raised where the value is needed."""
    if path in _above:
        raise DataError(f"{path}: is its own _base_")
    text = read_text(path).replace("{{ fileDirname }}", str(path.parent))
    text = text.replace("{{fileDirname}}", str(path.parent))
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{path}: not a configuration: {error}") from None
    values: dict[str, Any] = {}
    base: dict[str, Any] = {}
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = _value(value, {**base, **values}, base)
                if name == "_base_":
                    base = _bases(values.pop(name), path, _above)
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.ImportFrom() | ast.Import():
                continue  # a name from elsewhere is plain nowhere
            case _:
                raise _NotPlainError(f"line {node.lineno} is not a plain value")
    merged: dict[str, Any] = _merged(base, values)
    return merged


def _bases(named: Any, path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise _NotPlainError("_base_ is not a plain list")
    merged: dict[str, Any] = {}
    for name in names:
        if "::" in name:
            raise _NotPlainError(f"_base_ is {name}, of a package")
        base = Path(os.path.normpath(path.parent / name))
        merged = _merged(merged, dict(plain_config(base, (*above, path))))
    return merged


def _value(node: ast.expr, known: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The value of an expression, or the exception that says why it is not plain."""
    try:
        return _plain(node, known, base)
    except _NotPlainError as error:
        return error


def _plain(node: ast.expr, known: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    def plain(node: ast.expr) -> Any:
        return _plain(node, known, base)

    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=entries) | ast.Tuple(elts=entries):
            return [_value(entry, known, base) for entry in entries]
        case ast.Dict(keys=keys, values=entries):
            pairs = zip(keys, entries, strict=True)
            return {plain(key): _value(entry, known, base) for key, entry in pairs if key}
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {word.arg: _value(word.value, known, base) for word in keywords if word.arg}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = plain(left), plain(right)
            if isinstance(first, str) and isinstance(second, str):
                return first + second
        case ast.Name(id=name) if name in known:
            return _raised(known[name])
        case ast.Attribute(value=ast.Name(id="_base_"), attr=name) if name in base:
            return _raised(base[name])
    raise _NotPlainError(f"line {node.lineno} is not a plain value")


def _raised(value: Any) -> Any:
    if isinstance(value, _NotPlainError):
        raise value
    return value


def _merged(base: Any, own: Any) -> Any:
    """Values over those of the base, as MMEngine merges them."""
    if not isinstance(base, dict) or not isinstance(own, dict) or own.get(_DELETE):
        plain = isinstance(own, dict)
        return {key: value for key, value in own.items() if key != _DELETE} if plain else own
    return {**base, **{key: _merged(base.get(key), value) for key, value in own.items()}}


def _data_sets(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The data sets of the loaders, without their wrappers."""
    for loader, name in _LOADERS.items():
        table = _raised(config.get(loader))
        if isinstance(table, Mapping):
            data_sets = list(_unwrapped(_raised(table.get("dataset"))))
            for index, data_set in enumerate(data_sets):
                yield (name if len(data_sets) == 1 else f"{name}-{index + 1}"), data_set


def _unwrapped(data_set: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(data_set, Mapping):
        return
    if "dataset" in data_set:
        yield from _unwrapped(_raised(data_set["dataset"]))
    elif "datasets" in data_set:
        for part in _raised(data_set["datasets"]):
            yield from _unwrapped(_raised(part))
    elif _raised(data_set.get("ann_file")):
        prefix = _raised(data_set.get("data_prefix"))
        if isinstance(prefix, Mapping):
            list(map(_raised, prefix.values()))
        _raised(data_set.get("data_root"))
        yield data_set


def _split(name: str, data_set: Mapping[str, Any], config: Path) -> FoundSplit:
    root, ann_file = data_set.get("data_root") or "", data_set["ann_file"]
    prefix = data_set.get("data_prefix") or {}
    folder = (prefix.get("img") or prefix.get("img_path") or "") if prefix else ""
    if not all(isinstance(text, str) for text in (root, ann_file, folder)):
        raise DataError(f"{config}: ann_file, data_root and data_prefix of {name} are no texts")
    start = _start(Path(root, ann_file), config)
    listed, images = (Path(os.path.normpath(start / root / part)) for part in (ann_file, folder))
    if listed.suffix.lower() == ".json":
        return FoundSplit(name=name, format="coco", annotations=listed, images=images)
    sub = prefix.get("sub_data_root", "") if prefix else ""
    voc = start / root / (sub if isinstance(sub, str) else "")
    if not folder and listed.parent.parent.name == "ImageSets":
        voc = listed.parent.parent.parent
    return FoundSplit(
        name=name,
        format="voc",
        annotations=voc / "Annotations",
        images=voc / "JPEGImages",
        listed=listed,
    )


def _start(file: Path, config: Path) -> Path:
    """The folder that paths of a configuration start from: the one that training is started in,
    which is this one, or one above the configuration."""
    for folder in (Path.cwd(), *config.absolute().parents):
        if (folder / file).exists():
            return folder
    return Path.cwd()
