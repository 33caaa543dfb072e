"""Names of the classes that YOLO labels only number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError

USUAL = ("data.yaml", "classes.txt", "obj.names")
_YAML_NAMES = re.compile(r"names\s*:(.*)")
_NEXT_KEY = re.compile(r"[\w\"'][^:]*:(\s|$)|---|\.\.\.")
_ENTRY = re.compile(r"-\s+(.+)|(\d+)\s*:\s*(.+)")


def class_names(labels: Path, file: Path | None) -> tuple[str, ...]:
    """The names in a class file, by number: one a line, or `names` of a `data.yaml`.

    Without a `file` it is looked for in the folder of the labels and in the one above.
    """
    if file is None:
        beside = [folder / name for folder in (labels, labels.parent) for name in USUAL]
        file = next((path for path in beside if path.is_file()), None)
        if file is None:
            raise DataError(
                f"{labels}: no names of the classes: none of {', '.join(USUAL)} there or in the "
                "folder above; name the file by `classes`"
            )
    text = read_text(file)
    if file.suffix.lower() in (".yaml", ".yml"):
        names = _yaml_names(text, file)
    else:
        names = [line.strip() for line in text.splitlines()]
        while names and not names[-1]:
            names.pop()
    if not names or not all(names):
        raise DataError(f"{file}: expected a name for each class, found {names}")
    return tuple(names)


def _yaml_names(text: str, file: Path) -> list[str]:
    """`names` of a `data.yaml` in the three ways it is written; no other YAML is needed."""
    lines = iter(text.splitlines())
    found = next(filter(None, map(_YAML_NAMES.match, lines)), None)
    if found is None:
        raise DataError(f"{file}: no `names`, the list of the classes")
    inline = _uncommented(found[1])
    if inline:
        return _inline_names(inline, file)
    listed: list[str] = []
    numbered: dict[int, str] = {}
    for line in lines:
        text = _uncommented(line)
        entry = _ENTRY.fullmatch(text)
        if entry is None and _NEXT_KEY.match(line):
            break
        if entry is None:
            if text:
                raise DataError(f"{file}: expected a number and a name, found {text!r}")
        elif entry[1] is not None:
            listed.append(_unquoted(entry[1]))
        elif numbered.setdefault(int(entry[2]), _unquoted(entry[3])) != _unquoted(entry[3]):
            raise DataError(f"{file}: two names for class {entry[2]}")
    if listed and numbered:
        raise DataError(f"{file}: some names have a number and others have none")
    return listed or _in_order(numbered, file)


def _inline_names(inline: str, file: Path) -> list[str]:
    try:
        value = ast.literal_eval(inline)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        # Names without quotes, as YAML allows: [person, hard hat].
        is_list = inline.startswith("[") and inline.endswith("]")
        value = [_unquoted(part) for part in inline[1:-1].split(",")] if is_list else None
    if isinstance(value, dict) and all(type(number) is int for number in value):
        return _in_order({number: str(name) for number, name in value.items()}, file)
    if not isinstance(value, (list, tuple)):
        raise DataError(f"{file}: expected a list after `names:`, found {inline}")
    return [str(name) for name in value]


def _in_order(names: dict[int, str], file: Path) -> list[str]:
    if sorted(names) != list(range(len(names))):
        raise DataError(f"{file}: expected classes numbered from 0 on, found {sorted(names)}")
    return [names[number] for number in range(len(names))]


def _uncommented(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).strip()


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
