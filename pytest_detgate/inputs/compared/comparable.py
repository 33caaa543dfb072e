"""What the gated model and a baseline must have in common, and must not."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pytest_detgate.errors import DataError
from pytest_detgate.record.project_files.approved import SCORE_THRESHOLD as SCORE_THRESHOLD
from pytest_detgate.record.report import BaselineRecord


@dataclass(frozen=True, slots=True)
class BaselineAp:
    """AP of the baseline, in all and by class; None where a class has no ground truth."""

    ap: float
    classes: Mapping[str, float | None]


@contextlib.contextmanager
def named(record: BaselineRecord) -> Iterator[None]:
    """Name the baseline in an error on its detections."""
    try:
        yield
    except DataError as error:
        raise DataError(f"the baseline {record.path}: {error}") from error


def same_file(sha256: str) -> str:
    """The reason why a model is unchanged: it is the file of the baseline."""
    return f"the gated file is that of the baseline (SHA-256 {digest_start(sha256)})"


def same_detections(name: str) -> str:
    """The reason why a model is unchanged: it finds what the baseline finds."""
    return f"its detections on {name} are exactly those of the baseline"


def require_same_classes(
    gated: Collection[str], baseline: Collection[str], of: str, record: BaselineRecord
) -> None:
    """Raise where the classes `of` a detector or a split are not those of the baseline."""
    if set(gated) == set(baseline):
        return
    missing = [name for name in gated if name not in baseline]
    more = [name for name in baseline if name not in gated]
    parts = [
        f"{what} {', '.join(map(repr, names))}"
        for what, names in (("without", missing), ("with", more))
        if names
    ]
    raise DataError(
        f"the classes of the baseline {record.path} are others: {of} there is {' and '.join(parts)}"
    )


def defined(value: float | None, metric: str, split: str) -> float:
    """The value of a metric; raises where there is none."""
    if value is None:
        raise DataError(f"{metric} is not defined on {split}: it has no box to find")
    return value


def digest_start(sha256: str | None) -> str:
    """The first digits of a digest, for messages."""
    return f"{sha256[:12]}…" if sha256 else "unknown"
