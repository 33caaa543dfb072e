"""What a test case of the JUnit file says of its rule: verdict, values and limits.

They are user properties of pytest, which its JUnit plugin writes down and pytest-xdist carries.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_detgate.printable import printable
from pytest_detgate.record.report import RuleResult


def properties(result: RuleResult, shown: Callable[[str], str] = str) -> list[tuple[str, object]]:
    """Properties by name; `detgate.boxes` is the value measured as `boxes`, `detgate.boxes.limit`
    its limit, `detgate.boxes.relation` how the two must compare, and `detgate.boxes.upper` the
    bound that was compared with it, if one was. `shown` hides in names what must not be seen."""
    pairs: list[tuple[str, object]] = [
        ("detgate.rule", shown(result.code)),
        ("detgate.verdict", result.verdict),
    ]
    for measured in result.measurements:
        # Which holds the name of a class where a value is one of a class.
        name = f"detgate.{printable(shown(measured.name))}"
        pairs.append((name, repr(measured.value)))
        if measured.limit is None:
            continue
        if measured.bound != "point":
            pairs.append((f"{name}.{measured.bound}", repr(measured.judged_value)))
        pairs += [(f"{name}.limit", repr(measured.limit)), (f"{name}.relation", measured.relation)]
    return pairs
