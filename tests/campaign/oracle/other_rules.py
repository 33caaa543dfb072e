"""Which items of the remaining data rules may pass; see `split_rules`."""

from __future__ import annotations

import math

from tests.campaign.oracle.reading import NotLookedAtError, json_of, number, text, text_of
from tests.campaign.oracle.split_rules import SMALL, Check, at_most
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import read


def _training_curve(view: View, table: Table, label: str) -> bool | None:
    path = text(table.get("path"), "path")
    losses, metrics = [], []
    for line in text_of(read(view.files, path), path).splitlines():
        if line.strip():
            entry = json_of(line.encode(), path)
            if not isinstance(entry, dict):
                raise NotLookedAtError(f"{path}: {line!r}")
            losses += [number(entry["loss"])] if "loss" in entry else []
            metrics += [number(value) for key, value in entry.items() if key.endswith("mAP")]
    if not losses or not metrics:
        raise NotLookedAtError(f"{path}: no loss, or no validation")
    wrong = sum(1 for loss in losses if not math.isfinite(loss))
    wrong += max(metrics) - metrics[-1] > number(table.get("max-fall", 0.02)) + SMALL
    return None if at_most(wrong, table) else False


def _expectations(view: View, table: Table, split: str) -> bool | None:
    labels = view.labels(split)
    expectations = table.get("expect")
    if not isinstance(expectations, list) or not expectations or table.get("table") != "images":
        raise NotLookedAtError("no expectation that this oracle knows")
    for expectation in expectations:
        if expectation.get("column") == "width":
            low, high = (
                number(expectation.get("min_value", 0)),
                number(expectation.get("max_value", 1e9)),
            )
            widths = [image.width for image in labels.images]
            if any(width is None or not low <= width <= high for width in widths):
                return False
        elif expectation.get("column") == "file_name":
            if any(image.file_name[:1] not in "ns" for image in labels.images):
                return False
        elif expectation.get("type") == "expect_table_row_count_to_be_between":
            low, high = (
                number(expectation.get("min_value", 0)),
                number(expectation.get("max_value", 1e9)),
            )
            if not low <= len(labels.images) <= high:
                return False
        else:
            raise NotLookedAtError(f"{expectation!r}")
    return None


def _training_seed(view: View, table: Table, label: str) -> bool | None:
    seed = view.table("train").get("seed")
    if isinstance(seed, bool) or not isinstance(seed, (int, float)):
        raise NotLookedAtError("no seed")
    return True


SINGLE_RULES: dict[str, Check] = {
    "training-curve": _training_curve,
    "training-seed": _training_seed,
}
SPLIT_RULES: dict[str, Check] = {"expectations": _expectations}
