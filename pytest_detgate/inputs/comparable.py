"""What the gated model and a baseline must have in common, and must not."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pytest_detgate.errors import DataError
from pytest_detgate.record.report import BaselineRecord

SCORE_THRESHOLD = "score_threshold"
"""What the rules that count false boxes call the threshold they counted at."""


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


def require_other_file(
    gated: str | None,
    baseline: Iterable[str | None],
    record: BaselineRecord,
    *,
    what: str = "file that is",
) -> None:
    """Raise where the digest of what is gated is one of the baseline's; None is unknown."""
    if gated is not None and gated in baseline:
        verb = "is" if record.kind == "checkpoint" else "reports on"
        raise DataError(
            f"the baseline {record.path} {verb} the very {what} gated (SHA-256 "
            f"{digest_start(gated)}), so that comparing says nothing"
        )


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
