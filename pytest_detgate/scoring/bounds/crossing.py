"""Where a function crosses zero.

`scipy.optimize.brentq` finds the same, but importing it takes longer than all bounds of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 5000
"""A step that does not halve gains more. Halving alone needs 2,100 from one end of all floats."""
_LAST_DIGIT = 2.0**-52


def crossing(
    function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-300
) -> float:
    """Return a point between `low` and `high` where a continuous function is 0, to the tolerance
    and the last two digits of a float.

    Its signs at both ends must differ, or one of them be 0. Each step halves, or interpolates where
    that is known to converge: Chandrupatla, Advances in Engineering Software 1997; 28:145-149.
    """
    near, across = high, low
    value, value_across = function(near), function(across)
    if value_across == 0:
        return across
    if (value != 0 and (value > 0) == (value_across > 0)) or math.isnan(value + value_across):
        raise ValueError(f"f({low}) = {value_across} and f({high}) = {value} have the same sign")
    share = 0.5
    for _ in range(_STEPS):
        best = near if abs(value) < abs(value_across) else across
        allowed = _LAST_DIGIT * abs(best) + tolerance / 2
        width = abs(across - near)
        if value == 0 or width <= 2 * allowed:
            return best
        share = min(max(share, allowed / width), 1 - allowed / width)
        point = near + share * (across - near)
        value_there = function(point)
        if math.isnan(value_there):
            raise ValueError(f"f({point}) is no number")
        if (value_there > 0) == (value > 0):
            third, value_of_third = near, value
        else:
            third, value_of_third = across, value_across
            across, value_across = near, value
        near, value = point, value_there
        # Where the point and its value lie between those of the others.
        xi = (near - across) / (third - across)
        phi = (value - value_across) / (value_of_third - value_across)
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            share = (
                value / (value_across - value) * value_of_third / (value_across - value_of_third)
            )
            share += (
                (third - near)
                / (across - near)
                * (value / (value_of_third - value))
                * (value_across / (value_of_third - value_across))
            )
        else:
            share = 0.5
    raise ValueError(f"no zero between {low} and {high} in {_STEPS} steps")
