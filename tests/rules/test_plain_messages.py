"""What a rule says about any data is in plain words: no type of NumPy's shows through, nothing
that JSON cannot hold is in its result, and no odd input makes it crash."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.rules.rule import Rule
from pytest_detgate.testing import write_example
from tests.conftest import NUMPY_TYPE
from tests.needs import import_or_skip

Change = Callable[[dict[str, Any]], object]
"""Changes the content of a file. A result file is one with `annotations` and `images`, too."""

# Those that need MMDetection start a process for each run.
RULES = {code: rule for code, rule in rule_classes().items() if rule.failing.needs != "mmdet"}
ID_KINDS: dict[str, Callable[[int], int | float | str]] = {
    "whole": lambda number: number,
    "float": float,
    "text": lambda number: f"id {number}",
    "huge": lambda number: 2**70 + number,
}
ID_FIELDS = ("image_id", "category_id", "id")


def with_ids(kind: str) -> Change:
    """Write every id of a file in another way."""
    written = ID_KINDS[kind]

    def change(content: dict[str, Any]) -> None:
        for entries in content.values():
            for entry in entries:
                entry |= {key: written(entry[key]) for key in ID_FIELDS if key in entry}

    return change


def unlisted_ids(content: dict[str, Any]) -> None:
    for entry in content["annotations"][:2]:
        entry["image_id"] = 71
    for entry in content["annotations"][1:3]:
        entry["category_id"] = 72


def ids_used_twice(content: dict[str, Any]) -> None:
    for entries in content.values():
        for entry in entries[1:]:
            entry["id"] = entries[0].get("id", 1)


def boxes_not_finite(content: dict[str, Any]) -> None:
    for entry, value in zip(content["annotations"], (math.nan, math.inf, -math.inf), strict=False):
        entry["bbox"] = [10.0, value, 20.0, 20.0]
        entry["area"] = value


def odd_boxes(content: dict[str, Any]) -> None:
    for entry, box in zip(
        content["annotations"],
        ([10, 10, 0, -5], [-1e9, 10, 1e300, 20], [0.25, 0.25, 0.5, 0.5]),
        strict=False,
    ):
        entry["bbox"] = box


def odd_scores(content: dict[str, Any]) -> None:
    for entry, score in zip(content["annotations"], (1.5, -1, math.nan), strict=False):
        entry["score"] = score


def no_sizes(content: dict[str, Any]) -> None:
    for entry in content.get("images", ()):
        entry |= {"width": None, "height": None}


def nothing(content: dict[str, Any]) -> None:
    content["annotations"] = []


DAMAGES = (
    unlisted_ids,
    ids_used_twice,
    boxes_not_finite,
    odd_boxes,
    odd_scores,
    no_sizes,
    nothing,
)


def change_file(path: Path, changes: list[Change]) -> None:
    content = json.loads(path.read_text("utf-8"))
    for change in changes:
        change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def require_plain(
    rule: type[Rule], folder: Path, data: list[Change], detections: list[Change]
) -> None:
    """Evaluate the failing example, its files changed before."""
    written = write_example(rule, rule.failing, folder)
    for name in written.datasets:
        change_file(folder / f"{name}.json", data)
    for path in (*folder.glob("*-found.json"), *folder.glob("*-again.json")):
        change_file(path, detections)

    results = written.evaluate()

    for result in results.values():
        assert not result.message.startswith("the rule crashed"), result.message
        text = msgspec.json.encode(result).decode().replace(str(folder), "")
        shows = NUMPY_TYPE.search(text)
        assert shows is None, text[max(0, shows.start() - 80) : shows.end() + 80]


@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("code", RULES)
def test_ids_and_values_are_shown_as_the_file_has_them(
    code: str, kind: str, tmp_path: Path
) -> None:
    rule, ids = RULES[code], with_ids(kind)
    if rule.failing.needs is not None:
        import_or_skip(rule.failing.needs)
    require_plain(rule, tmp_path / "sound", [ids], [ids])
    for damage in DAMAGES:
        require_plain(rule, tmp_path / f"data-{damage.__name__}", [damage, ids], [ids])
        if rule.failing.detections:
            require_plain(rule, tmp_path / f"found-{damage.__name__}", [ids], [damage, ids])
