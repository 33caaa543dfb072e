"""Numbers that are all off by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def shift_hint(used: NDArray[Any], listed: Sequence[int | str] | NDArray[Any], what: str) -> str:
    """A sentence on the likely cause if the numbers that annotations use fit those of a list once
    they are all moved by one; nothing if they fit as they are, or if the list is no row of whole
    numbers. `what` is what they number."""
    numbers = _whole_numbers(listed)
    own = _whole_numbers(used)
    if numbers is None or own is None:
        return ""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 != len(numbers):
        return ""
    low, high = int(own[0]), int(own[-1])
    for shift in (1, -1):
        is_outside = high > last if shift > 0 else low < first
        if is_outside and first + shift <= low and high <= last + shift:
            return (
                f"likely cause: the annotations number the {what} from {first + shift}, "
                f"the list from {first}"
            )
    return ""


def _whole_numbers(ids: Sequence[int | str] | NDArray[Any]) -> NDArray[np.int64] | None:
    """The different ids in order; None where there are none, or some are no whole numbers."""
    column = np.asarray(ids)
    if not len(column) or column.dtype != np.int64:
        return None
    numbers: NDArray[np.int64] = np.unique(column)
    return numbers
