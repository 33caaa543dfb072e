"""Advice that fits the case: what to try depends on what was found, and with which framework.

A rule's advice is a section of its docstring. Sentences hold in any case. Entries of a list hold in
one case each, which they begin with:

    - `share` too low: Add frames with nothing to detect.
    - `share` too high: Remove some of them, or annotate what is on them.
    - `boxes` only by its bound: The probe needs more frames, from other clips.
    - `truncated` found: Fetch the image again.
    - MMDetection: Set `filter_empty_gt=False`.
    - other frameworks: Make sure that training keeps them.

`share` is the name of a measurement, and of those of single classes or reasons, `share[…]`. Found
is what was measured and is not zero, and the label of the item, such as `class` for
`error-budget[class]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_detgate.findings import Measurement

MMDETECTION = "mmdetection"
_CASE = re.compile(
    r"(?:^|\s)- (?:`(?P<name>[\w-]+(?:\[[\w-]+\])?)` "
    r"(?P<side>too low|too high|only by its bound|found)"
    r"|(?P<framework>MMDetection|other frameworks)): "
)


def fitting_advice(
    text: str,
    measurements: Iterable[Measurement],
    framework: str | None = None,
    label: str | None = None,
) -> str:
    """Return the parts of an advice, on one line, that hold for what a rule has measured.

    What fits two cases is given once. `label` is that of the item. If the framework is not known,
    advice for one says which it is for.
    """
    measurements = list(measurements)
    text = " ".join(text.split())
    cases = list(_CASE.finditer(text))
    ends = [*(case.start() for case in cases), len(text)]
    parts = [text[: ends[0]]]
    for case, end in zip(cases, ends[1:], strict=True):
        advice = text[case.end() : end].strip()
        wanted = case["framework"]
        if wanted is None:
            name, side = case["name"], case["side"]
            is_label = side == "found" and name == label
            if is_label or any(_is_case(measured, name, side) for measured in measurements):
                parts.append(advice)
        elif framework is None:
            parts.append(f"{wanted[0].upper()}{wanted[1:]}: {advice}")
        elif (wanted == "MMDetection") == (framework == MMDETECTION):
            parts.append(advice)
    return " ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _is_case(measured: Measurement, name: str, side: str) -> bool:
    """Tell whether a value is the named one and, unless it only has to be found, beyond its limit
    on that side."""
    if name not in (measured.name, measured.name.partition("[")[0]):
        return False
    if side == "found":
        return measured.value > 0
    if measured.limit is None or measured.passed:
        return False
    is_floor = measured.relation == ">="
    value_fails = measured.value < measured.limit if is_floor else measured.value > measured.limit
    if side == "only by its bound":
        return not value_fails
    return value_fails and is_floor == (side == "too low")
