"""Names of the classes that YOLO labels only number."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.dataset.keys import near_key
from pytest_detgate.dataset.labels.yolo.class_lists import (
    listed_names,
    names_of_darknet,
    names_of_json,
)
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.dataset.text.yaml_text import Yaml, read_yaml
from pytest_detgate.errors import DataError, nearest

# The last one is Roboflow's.
USUAL = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names", "_darknet.labels")
YAML_SUFFIXES = frozenset({".yaml", ".yml"})
_LEVELS = 4
"""Folders that are looked into: that of the labels and three above it."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
# Other files that may hold the names: `ppe.yaml`, `obj.data`, `notes.json`, `labels.txt`.
_MAY_HOLD = re.compile(
    r".*\.(ya?ml|names|data)|notes\.json|.*(class|categor|label|name).*\.(txt|json)", re.IGNORECASE
)


def class_names(
    labels: Path, file: Path | None, stated: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the classes by number, and notes on them.

    Without a `file` it is looked for in the folder of the labels and in the three above. `stated`
    are those that `detgate.toml` lists: as many as a file has, with other names, or without such a
    file, they are the names by number. Otherwise they choose among the file's
    (`class_choice`), and its numbers stay.
    """
    if file is None:
        file = _usual_file(labels)
    if file is None:
        if stated is not None:
            return tuple(stated), ()
        raise DataError(
            f"{labels}: no names of the classes: none of {', '.join(USUAL)} there or in the three "
            f"folders above{_hint(labels)}; name the file by `classes`, or list the names there"
        )
    try:
        names = names_in_file(file)
    except DataError:
        if stated is None:
            raise
        return tuple(stated), (f"{file} gives no class names; those of `classes` count",)
    if stated is None or set(stated) < set(names) or tuple(stated) == names:
        return names, ()
    return _stated(stated, names, file)


def key_numbers(labels: Path, file: Path | None) -> int | None:
    """Return how many numbers of key points follow each box, as `kpt_shape` of the `data.yaml`
    says; None where there are none. Files are looked for as for `class_names`."""
    file = _usual_file(labels) if file is None else file
    if file is None or file.suffix.lower() not in YAML_SUFFIXES:
        return None
    with contextlib.suppress(DataError):  # of a file that is not needed; else it was read before
        content = read_yaml(file)
        shape = content.get("kpt_shape") if isinstance(content, dict) else None
        if isinstance(shape, list) and all(map(_is_count, shape)) and shape:
            return math.prod(int(str(count)) for count in shape)
    return None


def _is_count(value: Yaml) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def names_in_file(file: Path) -> tuple[str, ...]:
    """Return the names in a class file, by number: one a line, `names` of a `data.yaml`, the file
    that `obj.data` of Darknet names, or the categories of a JSON file."""
    suffix = file.suffix.lower()
    if suffix in YAML_SUFFIXES:
        names = yaml_names(read_yaml(file), file)
    elif suffix == ".json":
        names = names_of_json(file)
    elif suffix == ".data":
        return names_in_file(names_of_darknet(file))
    else:
        names = listed_names(read_text(file), file)
    return complete_names(names, file)


def complete_names(names: Sequence[str], file: Path) -> tuple[str, ...]:
    """Return names by number; `DataError` where there are none, or one is empty."""
    if not names or not all(map(str.strip, names)):
        raise DataError(f"{file}: expected a name for each class, found {names}")
    return tuple(names)


def yaml_names(content: Yaml, file: Path) -> list[str]:
    """Return `names` of a `data.yaml`, a list or a table by number; `nc` must agree with it."""
    if not isinstance(content, dict) or "names" not in content:
        raise DataError(f"{file}: no `names`, the list of the classes")
    value = content["names"]
    if isinstance(value, dict):
        names = _by_number(value, file)
    elif isinstance(value, list):
        names = [_plain(entry, file) for entry in value]
    elif value:
        raise DataError(
            f"{file}: expected a list after `names:`, such as [helmet, vest], found {value}"
        )
    else:
        names = []
    count = content.get("nc")
    if names and isinstance(count, str) and count.strip() and count.strip() != str(len(names)):
        raise DataError(f"{file}: `nc` is {count} and `names` has {len(names)}: {', '.join(names)}")
    return names


def _by_number(table: dict[str, Yaml], file: Path) -> list[str]:
    wrong = next((key for key in table if not _NUMBER.fullmatch(key)), None)
    if wrong is not None:
        raise DataError(
            f"{file}: expected a number and a name in `names`, such as `0: helmet`, found "
            f"`{wrong}: {table[wrong]}`"
        )
    if sorted(map(int, table)) != list(range(len(table))):
        raise DataError(
            f"{file}: expected classes numbered from 0 on, found {sorted(map(int, table))}"
        )
    return [_plain(table[str(number)], file) for number in range(len(table))]


def _plain(entry: Yaml, file: Path) -> str:
    if isinstance(entry, dict) and len(entry) == 1:
        ((number, name),) = entry.items()
        raise DataError(
            f"{file}: `names` is a list of tables; write `{number}: {name}` without the hyphen in "
            f"front, or `- {name}`"
        )
    if not isinstance(entry, str):
        raise DataError(f"{file}: expected a name for each class in `names`, found {entry}")
    return entry


def _stated(
    stated: Sequence[str], names: tuple[str, ...], file: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if set(stated) == set(names):
        row = next(row for row, name in enumerate(names) if stated[row] != name)
        raise DataError(
            f"{file}: class {row} is {names[row]!r} here and {stated[row]!r} in `classes`; write "
            "them in the same order"
        )
    if len(stated) == len(names) and not set(stated) & set(names):
        return tuple(stated), (f"{file} has other class names; those of `classes` count",)
    wrong = next(name for name in stated if name not in names)
    raise DataError(
        f"{file}: has no class {wrong!r}, which `classes` lists{nearest(wrong, names)} (its "
        f"classes: {', '.join(names)})"
    )


def _usual_file(labels: Path) -> Path | None:
    """The class file that is nearest to the labels; `DataError` where two beside each other
    disagree."""
    levels = list(_levels(labels))
    # A file far above may be about another data set, so it only counts where nothing is near.
    for folders in (levels[:2], *([level] for level in levels[2:])):
        files = [folder / name for folder in folders for name in USUAL]
        files = [path for path in files if path.is_file()]
        if files:
            _require_agreement(files)
            return files[0]
    return None


def _require_agreement(files: Sequence[Path]) -> None:
    first, *others = files
    for other in others:
        names, own = names_in_file(first), names_in_file(other)
        if names != own:
            raise DataError(
                f"{first} names the classes {', '.join(names)}, and {other} {', '.join(own)}; "
                "name the right file by `classes`"
            )


def _levels(labels: Path) -> Iterator[Path]:
    folder = Path(os.path.abspath(labels))  # noqa: PTH100 (links stay)
    for _ in range(_LEVELS):
        yield folder
        if folder.parent == folder:
            return
        folder = folder.parent


def _hint(labels: Path) -> str:
    """Another file that may hold the names: ` (there is helmets.yaml)`."""
    for folder in _levels(labels):
        if folder.is_dir():
            for path in sorted(folder.iterdir(), key=lambda path: near_key(path.name)):
                if _MAY_HOLD.fullmatch(path.name) and path.is_file():
                    return f" (there is {path})"
    return ""
